# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Counts the test cases of one `bazel test`.

    count_tests.py EVENTS

EVENTS is what --build_event_json_file wrote. It names the test.xml of just
those tests that belong to this run; the folder bazel-testlogs holds old ones
too. Prints "PASSED FAILED SKIPPED", then a line for each failure.
"""

import json
import sys
import urllib.parse
import xml.etree.ElementTree


class Count:
    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []

    def add_report(self, target, path):
        """A test.xml: GoogleTest's own, or Bazel's for any other test."""
        for case in xml.etree.ElementTree.parse(path).iter("testcase"):
            if case.get("status") == "notrun":
                continue
            # A report of Bazel's own is about the test as a whole.
            suite = case.get("classname")
            name = f"{suite}.{case.get('name')}" if suite else "failed"
            if case.find("failure") is not None or case.find("error") is not None:
                self.failures.append(f"{target}: {name}")
            elif case.get("result") == "skipped" or case.find("skipped") is not None:
                self.skipped += 1
            else:
                self.passed += 1

    def add_test(self, target, attempts):
        """All runs and shards of one target; of the attempts at each, the last."""
        before = len(self.failures)
        statuses = []
        for result in attempts.values():
            statuses.append(result["status"])
            for output in result.get("testActionOutput", []):
                if output["name"] == "test.xml":
                    uri = urllib.parse.urlparse(output["uri"])
                    self.add_report(target, urllib.parse.unquote(uri.path))
        # Such as a crash after the last case, or a time-out.
        bad = [status for status in statuses if status not in ("PASSED", "FLAKY")]
        if bad and len(self.failures) == before:
            self.failures.append(f"{target}: {bad[0]}")


def read_events(path):
    """(results by target and by run and shard, targets that failed to build)"""
    results, unbuilt = {}, []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            name = event.get("id", {})
            if "testResult" in name and "testResult" in event:
                test = name["testResult"]
                attempts = results.setdefault(test["label"], {})
                # Attempts come in order: the last one stays.
                attempts[test.get("run"), test.get("shard")] = event["testResult"]
            elif "targetCompleted" in name:
                # For another architecture (target_compatible_with).
                is_skipped = event.get("aborted", {}).get("reason") == "SKIPPED"
                if not is_skipped and not event.get("completed", {}).get("success"):
                    unbuilt.append(name["targetCompleted"]["label"])
    return results, unbuilt


def main():
    count = Count()
    results, unbuilt = read_events(sys.argv[1])
    for target, attempts in sorted(results.items()):
        count.add_test(target, attempts)
    # Bazel may say so once for each configuration.
    for target in dict.fromkeys(unbuilt):
        count.failures.append(f"{target}: not built")
    print(count.passed, len(count.failures), count.skipped)
    for failure in count.failures:
        print(failure)


if __name__ == "__main__":
    main()
