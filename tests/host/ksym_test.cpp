// SPDX-License-Identifier: Apache-2.0
#include "host/ksym.h"

#include <gtest/gtest.h>

#include "tests/host/temporary_tree.h"

namespace kernel_exporter {
namespace {

constexpr char kTable[] =
    "0000000000000000 A fixed_percpu_data\n"
    "ffffffff81000000 T _text\n"
    "ffffffff81000000 T startup\n"
    "ffffffff81000200 t helper\n"
    "ffffffff81000100 W weak_one\n"
    "not an address\n"
    "ffffffff8100\n"
    "ffffffff82000000 D some_data\n"
    "ffffffff82000100 d more_data\n"
    "ffffffffc0000000 t in_module\t[module]";

struct Row {
  uint64_t address;
  std::optional<std::string> name;
};

TEST(KernelSymbols, NameTheFunctionThatContainsAnAddress) {
  TemporaryTree tree;
  tree.file("proc/kallsyms", kTable);
  KernelSymbols symbols(tree.paths());
  const Row rows[] = {
      {0xffffffff81000000, "_text"},      {0xffffffff810000ff, "_text"},
      {0xffffffff81000100, "weak_one"},   {0xffffffff810002ff, "helper"},
      {0xffffffff81fffff0, "helper"},     {0xffffffff82000000, std::nullopt},
      {0xffffffff82000180, std::nullopt}, {0xffffffffc0000010, "in_module"},
      {0xffffffff80ffffff, std::nullopt}, {0, std::nullopt},
  };
  for (const Row& row : rows) EXPECT_EQ(symbols.name(row.address), row.name) << row.address;
}

TEST(KernelSymbols, HaveNoNamesWhenHiddenOrAbsent) {
  TemporaryTree hidden;
  hidden.file("proc/kallsyms", "0000000000000000 T _text\n0000000000000000 T schedule\n");
  EXPECT_EQ(KernelSymbols(hidden.paths()).name(0xffffffff81000000), std::nullopt);
  EXPECT_EQ(KernelSymbols(hidden.paths()).name(0), std::nullopt);
  TemporaryTree absent;
  EXPECT_EQ(KernelSymbols(absent.paths()).name(0xffffffff81000000), std::nullopt);
}

}  // namespace
}  // namespace kernel_exporter
