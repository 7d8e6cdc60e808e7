// SPDX-License-Identifier: Apache-2.0
#include "text.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <stdexcept>
#include <system_error>

#include "base/unique_fd.h"

namespace kernel_exporter {

void give_up(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void give_up_plainly(const std::string& what) { throw std::runtime_error(what); }

int checked(int result, const std::string& what) {
  if (result < 0) give_up(what);
  return result;
}

std::string read_text(const std::string& path) {
  const UniqueFd fd(checked(::open(path.c_str(), O_RDONLY | O_CLOEXEC), path));
  std::string text;
  char chunk[65536];
  for (;;) {
    const ssize_t size = ::read(fd.get(), chunk, sizeof chunk);
    if (size < 0) give_up(path);
    if (size == 0) return text;
    text.append(chunk, static_cast<size_t>(size));
  }
}

void write_text(const std::string& path, std::string_view text) {
  const UniqueFd fd(checked(::open(path.c_str(), O_WRONLY | O_CLOEXEC), path));
  if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    give_up(path);
  }
}

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> found;
  for (std::string word; stream >> word;) found.push_back(word);
  return found;
}

std::vector<std::string> lines(std::string_view text) {
  std::istringstream stream{std::string(text)};
  std::vector<std::string> found;
  for (std::string line; std::getline(stream, line);) found.push_back(line);
  return found;
}

}  // namespace kernel_exporter
