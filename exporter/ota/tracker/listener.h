// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "ota/model/transaction.h"

namespace kernel_exporter {

// Follows the transactions of an OtaTracker. The calls come one at a time, from any thread, in the
// order of the changes, with no lock held: a listener may call OtaTracker. What that changes is
// reported once the call under way has returned.
class OtaListener {
 public:
  virtual ~OtaListener() = default;
  // Before its agent gets the answer; also for the transactions that are open when it starts to
  // listen.
  virtual void begun(const OtaTransaction& transaction) = 0;
  // Before the cause of a failure is decided: the time to hand in evidence() that is on its way.
  // The end may be refused after that, and asked for again.
  virtual void ending(const OtaTransaction& transaction) = 0;
  virtual void ended(const OtaTransaction& transaction) = 0;
};

// The calls that a listener is due, in order. Whoever makes a change adds its call while nobody
// else can change anything, and delivers it when it holds no lock. Thread-safe.
class OtaNotices {
 public:
  using Call = void (OtaListener::*)(const OtaTransaction&);

  // Gives what to pass to deliver(). Nothing is added while nobody listens.
  uint64_t add(Call call, OtaTransactionPtr transaction);
  // Returns once that call, and all before it, have returned: it makes them unless another thread
  // does. From within a call it returns at once.
  void deliver(uint64_t notice);

  // Replaces the listener, null for nobody, and adds begun() for each of `open`. What the one
  // before was still due is dropped; once deliver() returns it is not called any more.
  uint64_t listen(OtaListener* listener, const std::vector<OtaTransactionPtr>& open);

 private:
  struct Notice {
    OtaListener* listener;  // null: dropped
    Call call;
    OtaTransactionPtr transaction;
  };
  void make_next(Lock<Mutex>& lock) REQUIRES(mutex_);

  Mutex mutex_;
  OtaListener* listener_ GUARDED_BY(mutex_) = nullptr;
  std::deque<Notice> due_ GUARDED_BY(mutex_);
  uint64_t added_ GUARDED_BY(mutex_) = 0;
  uint64_t made_ GUARDED_BY(mutex_) = 0;
  std::thread::id deliverer_ GUARDED_BY(mutex_);  // makes the calls; none: nobody
  std::condition_variable_any progress_;
};

}  // namespace kernel_exporter
