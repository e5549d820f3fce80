"""A program of somebody else: it keeps reports in a bucket."""

from __future__ import annotations

import json
from typing import Any

import boto3


class ReportArchive:
    """Reports by day, each a JSON object under reports/."""

    def __init__(self, bucket: str) -> None:
        self._s3 = boto3.client("s3")
        self._bucket = bucket

    def add(self, day: str, report: dict[str, Any]) -> None:
        """Keep a report. Raises ClientError when the day has one already."""
        body = json.dumps(report).encode()
        self._s3.put_object(Bucket=self._bucket, Key=_key(day), Body=body, IfNoneMatch="*")

    def read(self, day: str) -> dict[str, Any]:
        response = self._s3.get_object(Bucket=self._bucket, Key=_key(day))
        report: dict[str, Any] = json.load(response["Body"])
        return report

    def days(self) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket)
        keys = [each["Key"] for page in pages for each in page.get("Contents", [])]
        return [key.removeprefix("reports/").removesuffix(".json") for key in keys]


def _key(day: str) -> str:
    return f"reports/{day}.json"
