import pytest
from botocore.exceptions import ClientError
from report_archive import ReportArchive


def test_a_report_is_read_again(s3d_bucket):
    archive = ReportArchive(s3d_bucket)
    archive.add("2026-01-31", {"sold": 7})
    assert archive.read("2026-01-31") == {"sold": 7}


def test_every_test_begins_with_an_empty_bucket(s3d_bucket):
    assert ReportArchive(s3d_bucket).days() == []


def test_a_second_report_of_a_day_is_refused(s3d_bucket):
    archive = ReportArchive(s3d_bucket)
    archive.add("2026-01-31", {"sold": 7})
    with pytest.raises(ClientError, match="PreconditionFailed"):
        archive.add("2026-01-31", {"sold": 8})


def test_days_beyond_one_page_are_listed(s3d_bucket):
    archive = ReportArchive(s3d_bucket)
    days = [f"{2024 + n // 365}-{n % 365:03}" for n in range(1_001)]
    for day in days:
        archive.add(day, {})
    assert archive.days() == days
