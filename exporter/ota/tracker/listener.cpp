// SPDX-License-Identifier: Apache-2.0
#include "ota/tracker/listener.h"

namespace kernel_exporter {

uint64_t OtaNotices::add(Call call, OtaTransactionPtr transaction) {
  const Lock lock(mutex_);
  if (!listener_) return 0;
  due_.push_back({listener_, call, std::move(transaction)});
  return ++added_;
}

uint64_t OtaNotices::listen(OtaListener* listener, const std::vector<OtaTransactionPtr>& open) {
  const Lock lock(mutex_);
  for (Notice& notice : due_) notice.listener = nullptr;
  listener_ = listener;
  if (!listener) return added_;
  for (const OtaTransactionPtr& transaction : open) {
    due_.push_back({listener, &OtaListener::begun, transaction});
    ++added_;
  }
  return added_;
}

void OtaNotices::deliver(uint64_t notice) {
  Lock lock(mutex_);
  const auto self = std::this_thread::get_id();
  // A call of this listener: what it adds follows when it has returned.
  if (deliverer_ == self) return;
  progress_.wait(
      lock, [&]() REQUIRES(mutex_) { return made_ >= notice || deliverer_ == std::thread::id(); });
  if (made_ >= notice) return;
  deliverer_ = self;
  while (!due_.empty()) make_next(lock);
  deliverer_ = {};
  progress_.notify_all();
}

void OtaNotices::make_next(Lock<Mutex>& lock) {
  const Notice next = std::move(due_.front());
  due_.pop_front();
  if (next.listener) {
    lock.unlock();
    (next.listener->*next.call)(*next.transaction);
    lock.lock();
  }
  ++made_;
  progress_.notify_all();
}

}  // namespace kernel_exporter
