# SPDX-License-Identifier: Apache-2.0
"""Connections that never finish their request."""
import socket
import time
import unittest

from exporter_process import DEFAULT_RULES, ExporterProcess

MOST_SECONDS = 2.0


class HalfOpen(unittest.TestCase):
    def delay(self, threads, sent, connections):
        """The time of a scrape that comes behind so many connections, each having sent `sent`."""
        with ExporterProcess(DEFAULT_RULES, arguments=("--web.threads", str(threads))) as exporter:
            exporter.scrape()
            open_ones = [socket.create_connection(("127.0.0.1", exporter.port)) for _ in range(connections)]
            try:
                for connection in open_ones:
                    connection.sendall(sent)
                start = time.monotonic()
                exporter.scrape()
                return time.monotonic() - start
            finally:
                for connection in open_ones:
                    connection.close()

    def test_twice_the_workers_do_not_delay_a_scrape_beyond_2_s(self):
        for threads in (2, 8):
            for sent in (b"", b"GET /metrics HTTP/1.1\r\nHost: x"):
                with self.subTest(threads=threads, sent=sent):
                    self.assertLess(self.delay(threads, sent, 2 * threads), MOST_SECONDS)

    def test_without_them_it_is_quick(self):
        self.assertLess(self.delay(8, b"", 0), MOST_SECONDS / 4)

    def test_such_connections_are_closed(self):
        with ExporterProcess() as exporter:
            with socket.create_connection(("127.0.0.1", exporter.port), timeout=10) as connection:
                connection.sendall(b"GET /")
                while connection.recv(4096):
                    pass


if __name__ == "__main__":
    unittest.main()
