// SPDX-License-Identifier: Apache-2.0
// The negative control: two threads write a number, and nothing puts them in an order.
#include <thread>

int main() {
  int number = 0;
  std::thread other([&] { number = 1; });
  number = 2;
  other.join();
  return number == 0;
}
