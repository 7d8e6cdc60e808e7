// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>

// Clang's thread-safety analysis: a member that is GUARDED_BY a mutex may be touched only where the
// compiler can see that it is held, and a function that REQUIRES one is called only so. The lint
// check `tidy` makes it an error; GCC ignores these words.
#if defined(__clang__)
#define THREAD_ANNOTATION(words) __attribute__((words))
#else
#define THREAD_ANNOTATION(words)
#endif

#define GUARDED_BY(mutex) THREAD_ANNOTATION(guarded_by(mutex))
#define REQUIRES(...) THREAD_ANNOTATION(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) THREAD_ANNOTATION(locks_excluded(__VA_ARGS__))

namespace kernel_exporter {

// A std::mutex that the analysis knows; the standard library's own is not annotated.
template <typename Implementation>
class THREAD_ANNOTATION(capability("mutex")) AnnotatedMutex {
 public:
  void lock() THREAD_ANNOTATION(acquire_capability()) { mutex_.lock(); }
  void unlock() THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  bool try_lock() THREAD_ANNOTATION(try_acquire_capability(true)) { return mutex_.try_lock(); }
  template <typename Duration>
  bool try_lock_for(Duration time) THREAD_ANNOTATION(try_acquire_capability(true)) {
    return mutex_.try_lock_for(time);
  }

 private:
  Implementation mutex_;
};

using Mutex = AnnotatedMutex<std::mutex>;
using TimedMutex = AnnotatedMutex<std::timed_mutex>;

// Holds a mutex from here to the end of the block. For waiting, give it to a
// std::condition_variable_any, and test the condition in a loop of your own: the analysis does not
// look into lambdas.
template <typename AnyMutex>
class THREAD_ANNOTATION(scoped_lockable) Lock {
 public:
  explicit Lock(AnyMutex& mutex) THREAD_ANNOTATION(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~Lock() THREAD_ANNOTATION(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // For condition variables, which open the lock while they wait.
  void lock() THREAD_ANNOTATION(no_thread_safety_analysis) { mutex_.lock(); }
  void unlock() THREAD_ANNOTATION(no_thread_safety_analysis) { mutex_.unlock(); }

 private:
  AnyMutex& mutex_;
};

}  // namespace kernel_exporter
