# SPDX-License-Identifier: Apache-2.0
"""Clients that want something changed: only those that may, one at a time."""
import threading
import unittest

from exporter_process import LIFECYCLE, ExporterProcess

RELOADS = 25


class Clients(unittest.TestCase):
    def test_concurrent_reloads_are_all_done(self):
        with ExporterProcess(arguments=LIFECYCLE) as exporter:
            answers = []
            threads = [threading.Thread(target=lambda: answers.append(exporter.get("/-/reload", method="POST").status))
                       for _ in range(RELOADS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(answers, [200] * RELOADS)
            self.assertEqual(len(exporter.lines_with("rules reloaded")), RELOADS)
            self.assertLess(exporter.scrape().value("process_resident_memory_bytes"), 32 << 20)

    def test_a_page_of_another_site_does_not_reload(self):
        """As a browser sends it: a form, or a name of the page's own that points here."""
        with ExporterProcess(arguments=LIFECYCLE) as exporter:
            for headers in ({"Origin": "http://evil.example"}, {"Host": f"evil.example:{exporter.port}"}, {"Host": "127.0.0.1"},
                            {"Origin": "null"}):
                with self.subTest(headers=headers):
                    self.assertEqual(exporter.get("/-/reload", method="POST", headers=headers).status, 403)
            self.assertEqual(exporter.lines_with("reloaded"), [])
            own = f"http://127.0.0.1:{exporter.port}"
            self.assertEqual(exporter.get("/-/reload", method="POST", headers={"Origin": own}).status, 200)

    def test_without_the_flag_nothing_is_changed(self):
        with ExporterProcess() as exporter:
            refused = exporter.get("/-/reload", method="POST")
            self.assertEqual(refused.status, 403)
            self.assertIn("--web.enable-lifecycle", refused.text)
            self.assertEqual(exporter.lines_with("reloaded"), [])


if __name__ == "__main__":
    unittest.main()
