// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/server.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../host/temporary_tree.h"
#include "ota/agent/socket.h"

namespace kernel_exporter {
namespace {

constexpr uid_t kNobody = 65534;

class OtaServerTest : public testing::Test {
 protected:
  OtaServerTest() {
    config_.ledger = tree_.path("ota.ledger");
    tracker_ = std::make_unique<OtaTracker>(config_, HostPaths{}, "boot");
    agent_ = std::make_unique<OtaAgent>(*tracker_, config_.devices);
  }

  Result<std::unique_ptr<OtaServer>> start(std::vector<uid_t> uids, std::vector<gid_t> gids = {}) {
    return OtaServer::start({path_, std::move(uids), std::move(gids)}, *agent_, [] {});
  }
  std::string ask(std::string_view message) const {
    const auto answer = ask_ota_socket(path_, message);
    return answer ? *answer : answer.error().message;
  }
  UniqueFd connect() const {
    UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path_.copy(address.sun_path, sizeof address.sun_path - 1);
    EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    return fd;
  }
  static bool is_answered(const UniqueFd& fd) {
    constexpr std::string_view kStatus = R"({"kind":"status"})";
    ::send(fd.get(), kStatus.data(), kStatus.size(), MSG_NOSIGNAL);
    return receive(fd).find("\"ok\":true") != std::string::npos;
  }
  static std::string receive(const UniqueFd& fd) {
    char buffer[4096];
    const ssize_t size = ::recv(fd.get(), buffer, sizeof buffer, 0);
    return size > 0 ? std::string(buffer, static_cast<size_t>(size)) : "";
  }

  const TemporaryTree tree_;
  const std::string path_ = tree_.path("run/ota.sock");
  OtaConfig config_;
  std::unique_ptr<OtaTracker> tracker_;
  std::unique_ptr<OtaAgent> agent_;
};

TEST_F(OtaServerTest, AnswersOverOneConnectionAndOverMany) {
  const auto server = start({::geteuid()});
  ASSERT_TRUE(server) << server.error().message;
  EXPECT_EQ(ask(R"({"kind":"begin","id":"1","engine":"e"})"),
            R"({"ok":true,"transaction":1,"state":"idle","warnings":[]})");
  const UniqueFd client = connect();
  const std::string_view good = R"({"kind":"set","state":"applying"})";
  const std::string_view bad = R"({"kind":"set","state":"flying"})";
  for (int i = 0; i < 3; ++i) {
    ::send(client.get(), bad.data(), bad.size(), 0);
    EXPECT_NE(receive(client).find(R"("ok":false,"reason":"invalid_value")"), std::string::npos);
    ::send(client.get(), good.data(), good.size(), 0);
    EXPECT_NE(receive(client).find(R"("state":"applying")"), std::string::npos);
  }
  EXPECT_EQ(agent_->refused(OtaRefusalReason::kInvalidValue), 3u);
}

TEST_F(OtaServerTest, RefusesOversizedMessagesWhole) {
  const auto server = start({::geteuid()});
  ASSERT_TRUE(server);
  // The first 4096 bytes alone would be a good message.
  const std::string status = R"({"kind":"status"})";
  EXPECT_NE(ask(status + std::string(4096 - status.size(), ' ')).find("\"ok\":true"),
            std::string::npos);
  EXPECT_NE(ask(status + std::string(4097 - status.size(), ' ')).find("\"reason\":\"oversized\""),
            std::string::npos);
  EXPECT_EQ(agent_->refused(OtaRefusalReason::kOversized), 1u);
}

TEST_F(OtaServerTest, RefusesUsersThatAreNotNamed) {
  const auto server = start({::geteuid() + 1}, {::getegid() + 1});
  ASSERT_TRUE(server);
  EXPECT_NE(ask(R"({"kind":"status"})").find("\"reason\":\"not_allowed\""), std::string::npos);
  EXPECT_NE(receive(connect()).find("allowed_uids"), std::string::npos);
  EXPECT_EQ(agent_->refused(OtaRefusalReason::kNotAllowed), 2u);
}

TEST_F(OtaServerTest, AllowsAGroup) {
  const auto server = start({}, {::getegid()});
  ASSERT_TRUE(server);
  EXPECT_NE(ask(R"({"kind":"status"})").find("\"ok\":true"), std::string::npos);
}

// As root: a process of another user reaches the socket, and hears that it may not speak. As
// anybody else there is only one user to be, who is not named.
TEST_F(OtaServerTest, KnowsAnotherUserByTheKernelsWord) {
  const bool root = ::geteuid() == 0;
  const auto server = start({root ? 0 : kNobody});
  ASSERT_TRUE(server);
  ASSERT_EQ(::chmod(tree_.path("").c_str(), 0755), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (root && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) ::_exit(2);
    const std::string answer = ask(R"({"kind":"begin","id":"1","engine":"e"})");
    ::_exit(answer.find("\"reason\":\"not_allowed\"") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_TRUE(tracker_->open_transactions().empty());
}

// Of one user, the client that was silent for longest makes way for the fifth.
TEST_F(OtaServerTest, SilentClientsOfAUserMakeWayForItsNextOne) {
  const auto server = start({::geteuid()});
  ASSERT_TRUE(server);
  std::vector<UniqueFd> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(connect());
    EXPECT_TRUE(is_answered(clients.back())) << i;
  }
  EXPECT_TRUE(is_answered(clients[0]));
  EXPECT_EQ(agent_->refused(OtaRefusalReason::kTooManyClients), 0U);
  clients.push_back(connect());
  EXPECT_TRUE(is_answered(clients[4]));
  EXPECT_FALSE(is_answered(clients[1]));
  EXPECT_TRUE(is_answered(clients[0]));
  EXPECT_TRUE(is_answered(clients[2]));
  EXPECT_EQ(agent_->refused(OtaRefusalReason::kTooManyClients), 1U);
  for (int i = 0; i < 100; ++i) clients.push_back(connect());
  EXPECT_TRUE(is_answered(clients.back()));
  EXPECT_EQ(agent_->refused(OtaRefusalReason::kTooManyClients), 101U);
}

// As root only: anybody else is one user.
TEST_F(OtaServerTest, AUserWithManySilentClientsLocksOutNobody) {
  if (::geteuid() != 0) return;
  const auto server = start({0, kNobody, kNobody - 1, kNobody - 2, kNobody - 3});
  ASSERT_TRUE(server);
  ASSERT_EQ(::chmod(tree_.path("").c_str(), 0755), 0);
  const UniqueFd root = connect();
  EXPECT_TRUE(is_answered(root));
  std::vector<UniqueFd> silent;
  for (uid_t user = kNobody - 3; user <= kNobody; ++user) {
    ASSERT_EQ(::seteuid(user), 0);
    for (int i = 0; i < 16; ++i) silent.push_back(connect());
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_TRUE(is_answered(root));
  const UniqueFd another = connect();
  EXPECT_TRUE(is_answered(another));
  EXPECT_TRUE(is_answered(root));
  // Four of each of the others, less those that made way for root's.
  size_t open = 0;
  for (const UniqueFd& client : silent) open += is_answered(client) ? 1 : 0;
  EXPECT_EQ(open, 14U);
}

TEST_F(OtaServerTest, TakesOverADeadSocketButNotALivingOne) {
  { ASSERT_TRUE(listen_at(path_)); }  // closed without unlink, as after kill -9
  auto server = start({::geteuid()});
  ASSERT_TRUE(server) << server.error().message;
  const auto second = start({::geteuid()});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another process listens"), std::string::npos);
  server->reset();
  EXPECT_NE(ask("{}").find("is `kernel_exporter serve --ota.config FILE` running?"),
            std::string::npos);
}

TEST_F(OtaServerTest, DoesNotDeleteAFileInItsPlace) {
  tree_.file("run/ota.sock", "precious");
  const auto server = start({0});
  ASSERT_FALSE(server);
  EXPECT_TRUE(std::filesystem::exists(path_));
}

}  // namespace
}  // namespace kernel_exporter
