"""Subcommands that run to their end: what they take, what they say, their exit codes."""
import os
import shutil
import tempfile
import unittest

from exporter_process import BINARY, DEFAULT_RULES, run_exporter


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_command_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def installed(self):
        """The program and the default rules as `cmake --install` lays them down."""
        os.mkdir(self.path("bin"))
        shutil.copytree(DEFAULT_RULES, self.path("share/kernel_exporter/rules/events"))
        return shutil.copy(BINARY, self.path("bin"))

    def default_rules(self, binary, folder):
        """The default of --rules as the help has it, when it is asked in `folder`."""
        done = run_exporter("dump", "--help", wrapper=["env", "-C", folder], binary=binary)
        self.assertEqual(done.returncode, 0)
        return next(line for line in done.stdout.decode().splitlines() if "--rules" in line)

    def test_rules_come_from_the_current_folder_else_from_the_installation(self):
        binary = self.installed()
        os.makedirs(self.path("here/rules/events"))
        installed = self.path("share/kernel_exporter/rules/events")
        self.assertIn("=[rules/events]", self.default_rules(binary, self.path("here")))
        self.assertIn(f"=[{installed}]", self.default_rules(binary, "/"))
        done = run_exporter("probes", wrapper=["env", "-C", "/"], binary=binary)
        self.assertIn("softirq_raise", done.stdout.decode(), done.stderr)
        shutil.rmtree(installed)
        done = run_exporter("probes", wrapper=["env", "-C", "/"], binary=binary)
        self.assertEqual((done.returncode, done.stderr.decode()),
                         (1, "error: rules: no such file or folder: rules/events\n"))


if __name__ == "__main__":
    unittest.main()
