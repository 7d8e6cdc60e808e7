# SPDX-License-Identifier: Apache-2.0
"""What stands between Prometheus and a car, as a proxy on the way."""
import http.server
import threading

from exporter_process import request

TIMEOUT = "X-Prometheus-Scrape-Timeout-Seconds"


class Relay:
    """Hands requests on to a port, until the end of the `with` block. `patience`: the seconds that it gives the car
    for an answer, as text; None leaves it to who asks."""

    def __init__(self, target):
        self.patience = None
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                outer.answer(self, target)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, asked, target):
        headers = dict(asked.headers)
        if self.patience:
            headers[TIMEOUT] = self.patience
        try:
            answer = request(target, asked.path, headers=headers)
        except OSError:
            asked.send_error(502)
            return
        asked.send_response(answer.status)
        for name in ("Content-Type", "Content-Encoding"):
            if answer.headers[name]:
                asked.send_header(name, answer.headers[name])
        asked.send_header("Content-Length", str(len(answer.raw)))
        asked.end_headers()
        asked.wfile.write(answer.raw)
