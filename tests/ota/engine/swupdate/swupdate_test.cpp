// SPDX-License-Identifier: Apache-2.0
#include "ota/engine/swupdate/swupdate.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "../../../base/logged_lines.h"
#include "../../../host/temporary_tree.h"
#include "../engine_events.h"
#include "swupdate_recording.h"

namespace kernel_exporter {
namespace {

constexpr auto kPatience = EngineEvents::kPatience;
constexpr size_t kFrame = 2416;

UniqueFd listen_stream(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  EXPECT_EQ(::listen(fd.get(), 4), 0);
  timeval patience = {kPatience.count(), 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return fd;
}

UniqueFd accept_from(const UniqueFd& listener) {
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

void send_all(const UniqueFd& fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

// Whether the adapter has hung up.
bool hung_up(const UniqueFd& fd) {
  timeval patience = {kPatience.count(), 0};
  ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  char byte = 0;
  return ::recv(fd.get(), &byte, 1, 0) == 0;
}

bool closed_within(const UniqueFd& fd, std::chrono::milliseconds patience) {
  pollfd polled = {fd.get(), POLLIN, 0};
  return ::poll(&polled, 1, static_cast<int>(patience.count())) == 1;
}

class SwupdateAdapterTest : public testing::Test {
 protected:
  std::unique_ptr<SwupdateAdapter> start() {
    return std::make_unique<SwupdateAdapter>(SwupdateConfig{progress_, control_},
                                             EngineHost{events_.listener(), {}, {}});
  }

  const TemporaryTree tree_;
  const std::string progress_ = tree_.path("swupdateprog");
  const std::string control_ = tree_.path("sockinstctrl");
  const std::string installed_ = swupdate_recording("2022.12_installed.progress");
  EngineEvents events_;
};

TEST_F(SwupdateAdapterTest, FollowsAnEngineThatStartsLaterAndSpeaksInPieces) {
  const auto adapter = start();
  EXPECT_FALSE(adapter->status()->connected);
  const UniqueFd listener = listen_stream(progress_);
  const UniqueFd engine = accept_from(listener);
  ASSERT_TRUE(engine);
  for (size_t at = 0; at < installed_.size(); at += 1000) {
    send_all(engine, std::string_view(installed_).substr(at, 1000));
  }
  ASSERT_TRUE(events_.end_with<EngineInstalled>());
  EXPECT_TRUE(adapter->status()->connected);
  EXPECT_EQ(events_.count<EngineStarted>(), 1u);
  EXPECT_EQ(events_.take<EngineInstalled>()->version, "2.0");
}

// Not to be confused with an engine that is absent, which is no news.
TEST_F(SwupdateAdapterTest, LogsOnceThatItCannotReachTheSocket) {
  LoggedLines logged;
  const std::string place = tree_.path("place");
  const std::string socket = place + "/swupdateprog";
  {
    tree_.file("place", "a file where the folder should be");
    const SwupdateAdapter adapter({socket, control_}, EngineHost{events_.listener(), {}, {}});
    logged.await_first();
    std::filesystem::remove(place);
    std::filesystem::create_directory(place);
    const UniqueFd listener = listen_stream(socket);
    const UniqueFd engine = accept_from(listener);
    ASSERT_TRUE(engine);
    send_all(engine, installed_);
    ASSERT_TRUE(events_.end_with<EngineInstalled>());
  }
  const auto lines = logged.lines();
  ASSERT_GE(lines.size(), 2u);
  EXPECT_EQ(lines[0], "warning: updates: swupdate: " + socket + ": Not a directory");
  EXPECT_EQ(lines[1], "info: updates: swupdate: works again");
  EXPECT_EQ(logged.count("warning"), 1u);
}

TEST_F(SwupdateAdapterTest, SaysNothingOfAnEngineThatIsAbsent) {
  const auto listening = connect_engine_socket(progress_);
  ASSERT_TRUE(listening);
  EXPECT_FALSE(*listening);
}

TEST_F(SwupdateAdapterTest, LooksWhereLaterVersionsListen) {
  const SwupdateConfig config{tree_.path("absent"), tree_.path("absent too"),
                              SwupdateSockets{progress_, control_}};
  const SwupdateAdapter adapter(config, EngineHost{events_.listener(), {}, {}});
  const UniqueFd control = listen_stream(control_);
  const UniqueFd listener = listen_stream(progress_);
  const UniqueFd engine = accept_from(listener);
  ASSERT_TRUE(engine);
  EXPECT_TRUE(accept_from(control));
  send_all(engine, installed_);
  ASSERT_TRUE(events_.end_with<EngineInstalled>());
}

TEST_F(SwupdateAdapterTest, PrefersTheFirstSockets) {
  const UniqueFd preferred = listen_stream(progress_);
  const UniqueFd other = listen_stream(tree_.path("other"));
  const SwupdateConfig config{progress_, control_, SwupdateSockets{tree_.path("other"), control_}};
  const SwupdateAdapter adapter(config, EngineHost{events_.listener(), {}, {}});
  EXPECT_TRUE(accept_from(preferred));
}

TEST_F(SwupdateAdapterTest, TellsOfACrashAndFollowsTheNextProcess) {
  const auto adapter = start();
  for (size_t crashes = 1; crashes <= 2; ++crashes) {
    const UniqueFd listener = listen_stream(progress_);
    {
      const UniqueFd engine = accept_from(listener);
      ASSERT_TRUE(engine);
      send_all(engine, std::string_view(installed_).substr(0, 100 * kFrame + 99));
    }
    ASSERT_TRUE(events_.reach_count<EngineGone>(crashes));
    std::filesystem::remove(progress_);
  }
}

// One refusal, and no further attempt while that process lives.
TEST_F(SwupdateAdapterTest, RefusesALanguageThatItDoesNotKnow) {
  const UniqueFd listener = listen_stream(progress_);
  const auto adapter = start();
  const UniqueFd engine = accept_from(listener);
  ASSERT_TRUE(engine);
  send_all(engine, std::string(kFrame, 'x'));
  ASSERT_TRUE(hung_up(engine));
  EXPECT_EQ(adapter->status()->refused, 1u);
  EXPECT_FALSE(adapter->status()->connected);
  timeval moment = {0, 200'000};
  ::setsockopt(listener.get(), SOL_SOCKET, SO_RCVTIMEO, &moment, sizeof moment);
  EXPECT_FALSE(accept_from(listener));
  EXPECT_EQ(events_.count<EngineStarted>(), 0u);
}

TEST_F(SwupdateAdapterTest, RefusesInTheMiddleOfAnInstallation) {
  const UniqueFd listener = listen_stream(progress_);
  auto adapter = start();
  const UniqueFd engine = accept_from(listener);
  send_all(engine, installed_.substr(0, 20 * kFrame) + std::string(kFrame, 'x'));
  ASSERT_TRUE(hung_up(engine));
  EXPECT_EQ(adapter->status()->refused, 1u);
  adapter.reset();  // does not wait for the process
  EXPECT_EQ(events_.count<EngineGone>(), 0u);
}

// An engine that hangs: before it takes the connection, before it speaks, and in the middle of a
// word.
TEST_F(SwupdateAdapterTest, DoesNotWaitForOneThatHangs) {
  { const auto absent = start(); }
  {
    const UniqueFd deaf = listen_stream(progress_);
    const auto queued = start();
  }
  std::filesystem::remove(progress_);
  const UniqueFd listener = listen_stream(progress_);
  auto silent = start();
  const UniqueFd engine = accept_from(listener);
  ASSERT_TRUE(engine);
  silent.reset();
  auto cut = start();
  const UniqueFd again = accept_from(listener);
  send_all(again, std::string_view(installed_).substr(0, 3 * kFrame + 7));
  ASSERT_TRUE(events_.end_with<EngineWorked>());
  cut.reset();
  EXPECT_EQ(events_.count<EngineGone>(), 0u);  // it is we who went
}

TEST_F(SwupdateAdapterTest, DoesNotRushAtOneThatAlwaysHangsUp) {
  const UniqueFd listener = listen_stream(progress_);
  const auto adapter = start();
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 6; ++i) ASSERT_TRUE(accept_from(listener));
  // Five pauses of 5 ms and more, each twice the one before.
  EXPECT_GE(std::chrono::steady_clock::now() - begin,
            std::chrono::milliseconds(5 + 10 + 20 + 40 + 80));
  EXPECT_EQ(adapter->status()->refused, 0u);
}

// A process of its own, since what one tells that was there before us is old news. Who listens is
// who the kernel names as the peer: the progress socket gets its path only then. `connected` is
// called in that process once it has both connections.
pid_t fork_engine(
    const std::string& progress_path, const UniqueFd& control, const std::string& frames,
    const std::string& notices, const std::function<void()>& connected = [] {}) {
  const std::string unseen = progress_path + ".new";
  const UniqueFd progress = listen_stream(unseen);
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::listen(progress.get(), 4);
  ::listen(control.get(), 4);
  ::rename(unseen.c_str(), progress_path.c_str());
  const UniqueFd to_progress = accept_from(progress);
  const UniqueFd to_control = accept_from(control);
  connected();
  char request[3120];
  ::recv(to_control.get(), request, sizeof request, MSG_WAITALL);
  send_all(to_control, notices);
  send_all(to_progress, frames);
  ::pause();
  ::_exit(0);
}

TEST_F(SwupdateAdapterTest, HearsTheReasonFromTheControlSocket) {
  const auto adapter = start();
  const std::string frames = swupdate_recording("2022.12_corrupt.progress");
  const std::string notices = swupdate_recording("2022.12_corrupt.control");
  const UniqueFd control = listen_stream(control_);
  const pid_t engine = fork_engine(progress_, control, frames, notices);
  EXPECT_TRUE(events_.end_with<EngineFailed>());
  const EngineFailed failed = events_.take<EngineFailed>().value_or(EngineFailed());
  EXPECT_EQ(failed.cause, OtaCause::kVerifyFailed);
  EXPECT_TRUE(failed.detail.starts_with("HASH mismatch")) << failed.detail;
  ::kill(engine, SIGKILL);
  ::waitpid(engine, nullptr, 0);
}

// Whoever inherited the engine's sockets keeps them open: here a child of the engine, for as long
// as the test has `life`.
TEST_F(SwupdateAdapterTest, KnowsTheProcessByMoreThanItsConnection) {
  const auto adapter = start();
  const UniqueFd control = listen_stream(control_);
  const std::string notices = swupdate_recording("2022.12_corrupt.control").substr(0, 3120);
  int ends[2] = {-1, -1};
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd end_of_life(ends[0]);
  UniqueFd life(ends[1]);
  const pid_t engine =
      fork_engine(progress_, control, installed_.substr(0, 10 * kFrame), notices, [&] {
        life = UniqueFd();
        char nothing = 0;
        if (::fork() == 0) ::_exit(static_cast<int>(::read(end_of_life.get(), &nothing, 1)));
      });
  EXPECT_TRUE(events_.end_with<EngineWorked>());
  const auto heir = connect_engine_socket(progress_);
  ASSERT_TRUE(heir);
  ::kill(engine, SIGKILL);
  ::waitpid(engine, nullptr, 0);
  EXPECT_TRUE(events_.end_with<EngineGone>());
  EXPECT_FALSE(closed_within(*heir, std::chrono::milliseconds(0)));
  life = UniqueFd();
  EXPECT_TRUE(closed_within(*heir, kPatience));
}

}  // namespace
}  // namespace kernel_exporter
