// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/swupdate/swupdate.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "base/log.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr char kEngine[] = "swupdate";
// Between two tries to connect, doubled with each.
constexpr milliseconds kFirstPause{5};
constexpr milliseconds kLastPause{5000};
// Other files that come and go in the socket's folder wake the thread no more often than this.
constexpr milliseconds kFolderPause{50};
// How long a process that we have met before takes to repeat what it told then.
constexpr milliseconds kHistory{500};
// How long one socket may lag behind the other.
constexpr milliseconds kSettle{200};
// The engine opens its control socket after its progress socket, a few milliseconds as a rule.
constexpr milliseconds kSubscribe{5000};
constexpr milliseconds kFirstSubscribePause{1};
// The kernel tells when a process began in steps of this length.
constexpr int64_t kTickNs = 10'000'000;
constexpr milliseconds kForever{-1};
constexpr milliseconds kRefusedPause{60'000};

int64_t boottime_ns() {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * int64_t{1'000'000'000} + now.tv_nsec;
}

bool has_data(const pollfd& polled) { return polled.revents != 0; }

template <size_t kCount>
bool wait_for(std::array<pollfd, kCount>& polled, milliseconds patience) {
  return ::poll(polled.data(), polled.size(), static_cast<int>(patience.count())) > 0;
}

pollfd readable(const UniqueFd& fd) { return {fd.get(), POLLIN, 0}; }

}  // namespace

struct SwupdateAdapter::Connection {
  UniqueFd progress;
  UniqueFd control;
  EngineProcess process;
  bool fresh = false;  // all that it has to tell is news
  bool subscribed = false;
  milliseconds subscribe_pause = kFirstSubscribePause;
  Clock::time_point since = Clock::now();

  bool younger_than(milliseconds age) const { return Clock::now() - since < age; }
  SwupdateProgressReader messages;
  SwupdateNoticeReader notices;
};

SwupdateAdapter::SwupdateAdapter(SwupdateConfig config, EngineHost host)
    : config_(std::move(config)),
      host_(std::move(host)),
      started_ns_(boottime_ns() - kTickNs),
      words_(kEngine),
      socket_log_(std::string("updates: ") + kEngine),
      pause_(kFirstPause),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

SwupdateAdapter::~SwupdateAdapter() {
  thread_.request_stop();
  (void)::eventfd_write(wake_.get(), 1);
}

void SwupdateAdapter::run(const std::stop_token& stop) {
  while (!stop.stop_requested()) wait_for_engine(stop);
}

// One try to connect, and what follows: the engine's story, or a pause.
void SwupdateAdapter::wait_for_engine(const std::stop_token& stop) {
  // Before the try, so that a socket which appears after it is seen.
  const SwupdateSockets first = {config_.progress_socket, config_.control_socket};
  const SwupdateSockets second = config_.otherwise.value_or(first);
  AppearanceWatch watch(first.progress);
  AppearanceWatch other_watch(second.progress);
  sockets_ = first;
  auto progress = connect_engine_socket(first.progress);
  if (progress && !*progress && config_.otherwise) {
    progress = connect_engine_socket(second.progress);
    sockets_ = second;
  }
  if (!progress) {
    socket_log_.failed(progress.error().message);
  } else if (*progress) {
    socket_log_.worked();
    follow(stop, std::move(*progress));
  }
  const auto end = Clock::now() + pause_;
  while (!stop.stop_requested() && Clock::now() < end) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
    std::array<pollfd, 3> polled = {readable(wake_), pollfd{watch.fd(), POLLIN, 0},
                                    pollfd{other_watch.fd(), POLLIN, 0}};
    if (!wait_for(polled, left) || has_data(polled[0])) break;
    const bool appeared = watch.appeared();
    if (other_watch.appeared() || appeared) {
      pause_ = kFirstPause;
      return;
    }
    std::array<pollfd, 1> wake = {readable(wake_)};
    wait_for(wake, std::min(left, kFolderPause));
  }
  pause_ = std::min(2 * pause_, kLastPause);
}

void SwupdateAdapter::follow(const std::stop_token& stop, UniqueFd progress) {
  Connection connection;
  connection.progress = std::move(progress);
  connection.process = engine_process(connection.progress, host_.paths);
  connection.fresh = connection.process.start_ns >= started_ns_ && !connection.process.same(last_);
  last_.pid = connection.process.pid;
  last_.start_ns = connection.process.start_ns;
  words_.connected(connection.process.pid);
  connected_ = true;
  spdlog::info("updates: following {} at {} (process {})", kEngine, sockets_.progress,
               connection.process.pid);
  for (bool going = true; going && !stop.stop_requested();) {
    const milliseconds patience = subscribe(connection);
    std::array<pollfd, 4> polled = {readable(wake_), readable(connection.progress),
                                    readable(connection.control),
                                    readable(connection.process.handle)};
    const bool news = wait_for(polled, words_.ending() ? kSettle : patience);
    if (!news) tell(words_.finish());
    if (!news || has_data(polled[0])) continue;
    going = serve(connection);
    if (has_data(polled[3])) going = false;
  }
  connected_ = false;
  if (stop.stop_requested()) return;
  tell(words_.gone());
  spdlog::info("updates: {} (process {}) is gone", kEngine, connection.process.pid);
}

// How long to wait before it is worth another try.
milliseconds SwupdateAdapter::subscribe(Connection& connection) {
  if (connection.subscribed || !connection.younger_than(kSubscribe)) return kForever;
  auto control = connect_engine_socket(sockets_.control);
  if (!control) socket_log_.failed(control.error().message);
  if (!control || !*control) return connection.subscribe_pause *= 2;
  connection.subscribed = true;
  // Fits into the socket's buffer whole.
  const std::string request = swupdate_subscription();
  const ssize_t sent =
      ::send(control->get(), request.data(), request.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(request.size())) connection.control = std::move(*control);
  return kForever;
}

// What the engine says of a failure comes over the control socket before the failure itself comes
// over the progress socket: read in the reverse order, no reason is missed.
bool SwupdateAdapter::serve(Connection& connection) {
  const EngineBytes progress = read_engine_socket(connection.progress);
  if (connection.control) {
    const EngineBytes control = read_engine_socket(connection.control);
    hear_notices(connection, control.bytes);
    if (control.closed) connection.control = UniqueFd();
  }
  const auto messages = connection.messages.read(progress.bytes);
  if (!messages) return refuse(connection, messages.error());
  for (const SwupdateProgress& message : *messages) tell(words_.heard(message));
  if (!messages->empty()) pause_ = kFirstPause;
  return !progress.closed;
}

void SwupdateAdapter::hear_notices(Connection& connection, std::string_view bytes) {
  const auto notices = connection.notices.read(bytes);
  if (!notices) {
    spdlog::warn("updates: {}: {}; causes of failures are not available", kEngine,
                 notices.error().message);
    connection.control = UniqueFd();
    return;
  }
  const bool history = !connection.fresh && connection.younger_than(kHistory);
  for (const SwupdateNotice& notice : *notices) {
    if (notice.answer || !history) tell(words_.heard(notice));
  }
}

bool SwupdateAdapter::refuse(Connection& connection, const Error& error) {
  ++refused_;
  spdlog::error("updates: {} at {} (process {}) is not followed: {}", kEngine, sockets_.progress,
                connection.process.pid, error.message);
  connected_ = false;
  connection.control = UniqueFd();
  connection.progress = UniqueFd();
  std::array<pollfd, 2> polled = {readable(wake_), readable(connection.process.handle)};
  wait_for(polled, connection.process.handle ? kForever : kRefusedPause);
  return false;
}

void SwupdateAdapter::tell(const std::vector<EngineEvent>& events) {
  for (const EngineEvent& event : events) host_.listener(event);
}

}  // namespace kernel_exporter
