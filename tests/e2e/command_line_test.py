# SPDX-License-Identifier: Apache-2.0
"""Subcommands that run to their end: what they take, what they say, their exit codes."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from exporter_process import BINARY, DEFAULT_RULES, FIXTURES, ROOT, run_exporter


class CommandLine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="kernel_exporter_command_")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    @staticmethod
    def done(*arguments):
        """Exit code, output and what it said on standard error."""
        ended = run_exporter(*arguments)
        return ended.returncode, ended.stdout.decode(), ended.stderr.decode()

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

    def test_check_counts_what_the_files_name(self):
        metric = "  - {{name: {}, help: x, type: counter, map: runqueue, value: queued_migrations}}\n"
        one = self.write("one.yaml", "probe: runqueue\nmetrics:\n" + metric.format("a_total"))
        two = self.write("two.yaml",
                         "probe: runqueue\nmetrics:\n" + metric.format("b_total") + metric.format("c_total"))
        self.assertEqual(self.done("check", one), (0, "1 rule file, 1 metric: no errors\n", ""))
        self.assertEqual(self.done("check", one, two), (0, "2 rule files, 3 metrics: no errors\n", ""))

    def test_check_takes_the_configuration_of_updates_too(self):
        good = self.write("good.yaml", "engines: [custom]\n")
        bad = self.write("bad.yaml", "engines: [custom]\nsoket: /run/x\n")
        missing = self.path("missing.yaml")
        code, said, faults = self.done("check", "--ota.config", good, DEFAULT_RULES)
        self.assertEqual((code, said.count("no errors"), faults), (0, 2, ""))
        self.assertIn(f"\n{good}: no errors\n", said)
        code, said, faults = self.done("check", "--ota.config", bad, DEFAULT_RULES)
        self.assertEqual((code, said.count("no errors")), (1, 1))
        self.assertTrue(faults.startswith(f'{bad}:2: unknown key "soket"'), faults)
        code, said, faults = self.done("check", "--ota.config", missing, DEFAULT_RULES)
        self.assertEqual((code, said.count("no errors")), (1, 1))
        self.assertEqual(faults, f"{missing}: cannot be read: No such file or directory\n")

    def test_check_takes_the_options_that_a_service_is_started_with(self):
        bad = self.write("bad.yaml", "probe: runqueue\nmetric: []\n")
        options = ("--web.listen-address", "127.0.0.1:0", "--web.threads", "4")
        code, said, faults = self.done("check", "--rules", bad, *options)
        self.assertEqual((code, said), (1, ""))
        self.assertTrue(faults.startswith(f'{bad}:2: unknown key "metric"'), faults)
        self.assertEqual(self.done("check", "--rules", DEFAULT_RULES, *options)[0], 0)
        self.assertEqual(self.done("check", "--rules", DEFAULT_RULES, "--web.thread", "4")[0], 2)

    def test_check_without_a_file_checks_the_default_rules(self):
        os.makedirs(self.path("rules/events"))
        self.write("rules/events/bad.yaml", "probe: runqueue\nmetric: []\n")
        done = run_exporter("check", wrapper=["env", "-C", self.folder])
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'rules/events/bad.yaml:2: unknown key "metric"', done.stderr)

    COMMANDS = ([], ["serve"], ["check"], ["probes"], ["dump"], ["ota"], ["ota", "begin"], ["ota", "set"],
                ["ota", "end"], ["ota", "status"], ["ota", "history"])

    def options(self, command):
        """Those that the help of a subcommand lists."""
        return set(re.findall(r"^  (?:-\w,)?(--[a-z.-]+)", self.done(*command, "--help")[1], re.MULTILINE)) - {"--help"}

    def test_the_manual_has_every_option_and_no_other(self):
        with open(os.path.join(ROOT, "packaging/man/kernel_exporter.8"), encoding="utf-8") as file:
            manual = file.read().replace("\\-", "-")
        listed = set(re.findall(r"^\.BI? (--[a-z.-]+)", manual, re.MULTILINE))
        self.assertEqual(listed, set().union(*map(self.options, self.COMMANDS)))

    def completed(self, *words):
        """What bash offers after these words, of which the last may be incomplete."""
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _kernel_exporter; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, "bash", os.path.join(ROOT, "packaging/completion/kernel_exporter"),
                               BINARY, *words], stdout=subprocess.PIPE, check=True)
        return set(done.stdout.decode().split())

    def test_the_shell_completes_every_subcommand_and_option(self):
        self.assertEqual(self.completed(""), {"serve", "check", "probes", "dump", "ota"})
        self.assertEqual(self.completed("ota", ""), {"begin", "set", "end", "status", "history"})
        self.assertEqual(self.completed("ota", "b"), {"begin"})
        for command in self.COMMANDS:
            self.assertEqual(self.completed(*command, "--") - {"--help"}, self.options(command), command)

    def test_the_memory_limit_is_for_all_maps_of_a_foreign_object_together(self):
        def faults(limit):
            rules = self.write("foreign.yaml", f"""probe: foreign
object: {os.path.join(FIXTURES, "foreign.bpf.o")}
map_memory_limit: {limit}B
metrics: [{{name: x_total, help: x, type: counter, map: execs}}]
""")
            return self.done("check", rules)[2]
        each = [int(size) for size in re.findall(r'map "\w+" takes (\d+) bytes', faults(8))]
        self.assertGreater(len(each), 1)
        together = re.search(r"the maps and variables of .* take (\d+) bytes, over the limit", faults(max(each)))
        self.assertGreaterEqual(int(together.group(1)), sum(each))
        self.assertNotIn("over the limit", faults(int(together.group(1))))

    def test_a_word_that_is_no_subcommand_is_named(self):
        for arguments in (["bogus"], ["ota", "bogus"], ["bogus", "--rules", "x"]):
            with self.subTest(arguments=arguments):
                code, _, said = self.done(*arguments)
                self.assertEqual(code, 2)
                self.assertIn("not expected: bogus\n", said)
        self.assertIn("subcommand is required", self.done()[2])

    def test_a_file_that_is_no_ledger_has_no_history(self):
        code, said, fault = self.done("ota", "history", "--ledger", "/etc/passwd")
        self.assertEqual((code, said), (1, ""))
        self.assertIn("/etc/passwd: no readable record", fault)


if __name__ == "__main__":
    unittest.main()
