"""The client of a store made for tests: paging and waiting, against a real agent."""

from s3d.cli.client.testing_client import TestStoreClient
from tests.agent_process import AgentProcess


def test_all_requests_are_listed_page_by_page(start_agent):
    agent: AgentProcess = start_agent("--test", "--auth", "none")
    client = TestStoreClient(agent.client)
    s3 = agent.s3()
    for number in range(3):
        s3.create_bucket(Bucket=f"bucket-{number}")
    pages = []
    original = client._requests

    def paged(since, query, wait=""):
        page = original(since, {**query, "limit": "2"}, wait)
        pages.append(len(page.requests))
        return page

    client._requests = paged
    listed = list(client.requests(operation="CreateBucket"))
    assert [each.bucket for each in listed] == ["bucket-0", "bucket-1", "bucket-2"]
    assert pages == [2, 1, 0]
    assert client.wait(0.05, since=listed[-1].seq) is None
    assert client.wait(5, bucket="bucket-1").seq == listed[1].seq
    client.clear_requests()
    assert list(client.requests()) == []
