# SPDX-License-Identifier: Apache-2.0
"""Mender's state scripts, run in the order in which Mender runs them, against a real exporter."""
import json
import os
import subprocess
import tempfile
import unittest

from exporter_process import BINARY, DEFAULT_RULES, ROOT, ExporterProcess, run_exporter
from update import Boot

SCRIPTS = os.path.join(ROOT, "packaging", "mender")


class Mender(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_mender_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.socket = os.path.join(self.folder, "ota.sock")
        self.scripts = os.path.join(self.folder, "scripts")
        for kind in ("artifact", "rootfs"):
            subprocess.run([os.path.join(SCRIPTS, "install"), self.scripts, kind], check=True)
        with open(os.path.join(self.folder, "artifact_info"), "w", encoding="utf-8") as file:
            file.write("artifact_name=release-1\n")
        self.config = os.path.join(self.folder, "ota.yaml")
        with open(self.config, "w", encoding="utf-8") as file:
            json.dump({"socket": self.socket, "ledger": os.path.join(self.folder, "ota.ledger"),
                       "engines": ["mender"]}, file)

    def exporter(self, *arguments):
        return ExporterProcess(rules=DEFAULT_RULES, arguments=["--ota.config", self.config, *arguments])

    def mender(self, *states, binary=BINARY):
        """Runs whatever scripts there are for these states, as Mender does; returns what they said."""
        said = ""
        for state in states:
            for script in sorted(os.listdir(self.scripts)):
                if not script.startswith(state + "_"):
                    continue
                done = subprocess.run([os.path.join(self.scripts, script)], capture_output=True, timeout=60, check=False,
                                      env={**os.environ, "KERNEL_EXPORTER": binary,
                                           "KERNEL_EXPORTER_OTA_SOCKET": self.socket,
                                           "MENDER_ARTIFACT_INFO": os.path.join(self.folder, "artifact_info")})
                self.assertEqual(done.returncode, 0, done)
                said += done.stderr.decode()
        return said

    def states(self, exporter):
        return {labels["state"] for labels, value in exporter.scrape().series("ota_state", engine="mender") if value}

    def results(self, exporter):
        return {labels["result"]: value
                for labels, value in exporter.scrape().series("ota_transactions_total", engine="mender") if value}

    def test_a_success(self):
        with self.exporter() as exporter:
            self.assertEqual(self.mender("Sync_Enter", "Sync_Leave", "Download_Enter"), "")
            self.assertEqual(self.states(exporter), {"downloading", "applying"})
            self.assertEqual(exporter.scrape().sum("ota_transaction_info", engine="mender", **{"from": "release-1"}), 1)
            self.assertEqual(self.mender("Download_Leave", "ArtifactInstall_Enter", "ArtifactInstall_Leave"), "")
            self.assertEqual(self.states(exporter), {"applying"})
            self.assertEqual(self.mender("ArtifactReboot_Enter"), "")
            self.assertEqual(self.states(exporter), {"rebooting"})
        with self.exporter("--path.procfs", Boot(self.folder, "1").path) as exporter:
            self.assertEqual(self.states(exporter), {"confirming"})
            self.assertEqual(self.mender("ArtifactReboot_Leave", "ArtifactCommit_Enter"), "")
            self.assertEqual(self.results(exporter), {})
            self.assertEqual(self.mender("ArtifactCommit_Leave"), "")
            self.assertEqual(self.results(exporter), {"succeeded": 1})

    def test_a_failed_download(self):
        with self.exporter() as exporter:
            self.assertEqual(self.mender("Download_Enter", "Download_Error"), "")
            self.assertEqual(self.results(exporter), {"failed": 1})

    def test_a_failed_installation(self):
        with self.exporter() as exporter:
            self.assertEqual(self.mender("Download_Enter", "Download_Leave", "ArtifactInstall_Enter",
                                         "ArtifactInstall_Error", "ArtifactRollback_Enter", "ArtifactRollback_Leave",
                                         "ArtifactFailure_Enter", "ArtifactFailure_Leave"), "")
            self.assertEqual(self.results(exporter), {"failed": 1})
            self.assertEqual(exporter.scrape().value("ota_failures_total", engine="mender", cause="engine_error"), 1)

    def test_a_rollback(self):
        with self.exporter():
            self.mender("Download_Enter", "Download_Leave", "ArtifactInstall_Enter", "ArtifactInstall_Leave",
                        "ArtifactReboot_Enter")
        with self.exporter("--path.procfs", Boot(self.folder, "1").path) as exporter:
            self.assertEqual(self.mender("ArtifactReboot_Leave", "ArtifactCommit_Enter", "ArtifactCommit_Error",
                                         "ArtifactRollback_Enter", "ArtifactRollback_Leave",
                                         "ArtifactRollbackReboot_Enter"), "")
            self.assertEqual(self.results(exporter), {"rolled_back": 1})
        with self.exporter("--path.procfs", Boot(self.folder, "2").path) as exporter:
            self.assertEqual(self.mender("ArtifactRollbackReboot_Leave", "ArtifactFailure_Enter",
                                         "ArtifactFailure_Leave"), "")
            self.assertEqual(self.results(exporter), {"rolled_back": 1})

    def test_scripts_of_the_artifact_alone(self):
        for script in os.listdir(self.scripts):
            if script.startswith("Download"):
                os.unlink(os.path.join(self.scripts, script))
        with self.exporter() as exporter:
            self.assertEqual(self.mender("Download_Enter", "ArtifactInstall_Enter"), "")
            self.assertEqual(self.states(exporter), {"applying"})

    def test_a_deployment_that_was_given_up(self):
        with self.exporter() as exporter:
            self.mender("Download_Enter")
            self.mender("Download_Enter")
            self.assertEqual(self.results(exporter), {"failed": 1})
            self.assertEqual(self.states(exporter), {"downloading", "applying"})

    def test_without_an_exporter_the_update_goes_on(self):
        order = ("Download_Enter", "ArtifactInstall_Enter", "ArtifactReboot_Enter", "ArtifactCommit_Leave",
                 "ArtifactRollback_Enter", "ArtifactFailure_Enter", "Download_Error")
        self.assertIn("is `kernel_exporter serve --ota.config FILE` running?", self.mender(*order))
        self.assertNotEqual(self.mender(*order, binary="/nowhere/kernel_exporter"), "")


if __name__ == "__main__":
    unittest.main()
