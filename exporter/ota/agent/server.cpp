// SPDX-License-Identifier: Apache-2.0
#include "ota/agent/server.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>

#include "base/log.h"
#include "ota/agent/socket.h"

namespace kernel_exporter {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kMaxClients = 16;
constexpr ptrdiff_t kMaxClientsOfOneUser = 4;
constexpr size_t kFirstClient = 2;  // in the poll set, after the listener and the eventfd

std::vector<gid_t> supplementary_groups(int client) {
  std::vector<gid_t> groups(64);
  for (;;) {
    auto bytes = static_cast<socklen_t>(groups.size() * sizeof(gid_t));
    // SO_PEERGROUPS, from 4.13 on: ERANGE tells how much room it needs.
    const int outcome = ::getsockopt(client, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &bytes);
    const bool again = outcome != 0 && errno == ERANGE && bytes / sizeof(gid_t) > groups.size();
    groups.resize(outcome == 0 || again ? bytes / sizeof(gid_t) : 0);
    if (!again) return groups;
  }
}

bool contains(const auto& ids, auto id) {
  return std::find(ids.begin(), ids.end(), id) != ids.end();
}

bool send_message(int client, const std::string& message) {
  return ::send(client, message.data(), message.size(), MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(message.size());
}

// A message that nobody read would turn into ECONNRESET at the peer, before it sees the reply.
void turn_away(int client, const std::string& reply) {
  ::shutdown(client, SHUT_RD);
  char unread = 0;
  while (::recv(client, &unread, 1, MSG_DONTWAIT | MSG_TRUNC) > 0) {
  }
  send_message(client, reply);
}

}  // namespace

Result<std::unique_ptr<OtaServer>> OtaServer::start(OtaServerSettings settings, OtaAgent& agent,
                                                    std::function<void()> each_second) {
  auto listener = listen_at(settings.path);
  if (!listener) return fail(listener.error().message);
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake) return fail_errno(errno, "eventfd");
  return std::unique_ptr<OtaServer>(new OtaServer(
      std::move(settings), agent, std::move(each_second), std::move(*listener), std::move(wake)));
}

OtaServer::OtaServer(OtaServerSettings settings, OtaAgent& agent, std::function<void()> each_second,
                     UniqueFd listener, UniqueFd wake)
    : settings_(std::move(settings)),
      agent_(agent),
      each_second_(std::move(each_second)),
      listener_(std::move(listener)),
      wake_(std::move(wake)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

OtaServer::~OtaServer() {
  thread_.request_stop();
  (void)::eventfd_write(wake_.get(), 1);
  thread_.join();
  ::unlink(settings_.path.c_str());
}

void OtaServer::run(const std::stop_token& stop) {
  auto next = Clock::now();
  while (!stop.stop_requested()) {
    if (Clock::now() >= next) {
      each_second_();
      next = Clock::now() + std::chrono::seconds(1);
      pausing_ = false;
    }
    std::vector<pollfd> polled = {{pausing_ ? -1 : listener_.get(), POLLIN, 0},
                                  {wake_.get(), POLLIN, 0}};
    for (const Client& client : clients_) polled.push_back({client.socket.get(), POLLIN, 0});
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now()).count();
    if (::poll(polled.data(), polled.size(), static_cast<int>(std::max<int64_t>(left, 0))) <= 0) {
      continue;
    }
    for (size_t i = polled.size(); i-- > kFirstClient;) {
      if (polled[i].revents == 0) continue;
      const auto client = clients_.begin() + static_cast<ptrdiff_t>(i - kFirstClient);
      client->spoke = Clock::now();
      if (!serve(polled[i].fd)) clients_.erase(client);
    }
    if (polled[0].revents != 0) welcome();
  }
}

std::optional<uid_t> OtaServer::allowed(int client) const {
  ucred peer = {};
  socklen_t size = sizeof peer;
  if (::getsockopt(client, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  if (contains(settings_.allowed_uids, peer.uid) || contains(settings_.allowed_gids, peer.gid)) {
    return peer.uid;
  }
  const auto groups =
      settings_.allowed_gids.empty() ? std::vector<gid_t>() : supplementary_groups(client);
  const bool member = std::any_of(groups.begin(), groups.end(), [&](gid_t group) {
    return contains(settings_.allowed_gids, group);
  });
  return member ? std::optional(peer.uid) : std::nullopt;
}

// Nobody is in the middle of anything: a message is answered as soon as it is read.
void OtaServer::make_room(uid_t newcomer) {
  const auto number_of = [&](uid_t user) {
    return std::count_if(clients_.begin(), clients_.end(),
                         [&](const Client& client) { return client.user == user; });
  };
  uid_t user = newcomer;
  if (number_of(newcomer) < kMaxClientsOfOneUser) {
    if (clients_.size() < kMaxClients) return;
    user =
        std::max_element(clients_.begin(), clients_.end(), [&](const Client& a, const Client& b) {
          return number_of(a.user) < number_of(b.user);
        })->user;
  }
  const auto silent =
      std::min_element(clients_.begin(), clients_.end(), [&](const Client& a, const Client& b) {
        return std::pair(a.user != user, a.spoke) < std::pair(b.user != user, b.spoke);
      });
  agent_.refuse(OtaRefusalReason::kTooManyClients,
                fmt::format("of the agents of user {}, the one that was silent for longest is "
                            "closed for a new one",
                            user));
  clients_.erase(silent);
}

void OtaServer::welcome() {
  UniqueFd client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!client) {
    // Without a free descriptor the connection stays where it is, and poll would return at once.
    pausing_ = errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS;
    return;
  }
  const auto user = allowed(client.get());
  if (!user) {
    turn_away(client.get(),
              agent_.refuse(
                  OtaRefusalReason::kNotAllowed,
                  "neither this user nor one of its groups is in allowed_uids or allowed_gids"));
    return;
  }
  make_room(*user);
  clients_.push_back({std::move(client), *user, Clock::now()});
}

bool OtaServer::serve(int client) {
  std::string message(kMaxOtaMessageBytes, '\0');
  const ssize_t size = ::recv(client, message.data(), message.size(), MSG_DONTWAIT | MSG_TRUNC);
  if (size < 0) return errno == EAGAIN || errno == EINTR;
  if (size == 0) return false;
  if (static_cast<size_t>(size) > message.size()) {
    return send_message(
        client, agent_.refuse(OtaRefusalReason::kOversized, "a message has at most 4096 bytes"));
  }
  message.resize(static_cast<size_t>(size));
  return send_message(client, agent_.answer(message));
}

}  // namespace kernel_exporter
