/// The scripts of the conformance kit (docs/kit.md), with the public API of dx.hpp.
#ifndef PERDURE_TESTS_KIT_SCRIPT_HPP
#define PERDURE_TESTS_KIT_SCRIPT_HPP

#include "site.hpp"

namespace kit {

/// The name of a code of dx.h in the scripts.
inline std::string code_name(int code) {
  static const std::map<int, std::string> names = {{DX_INVALID_ARGUMENT, "invalidArgument"},
                                                   {DX_UNSUPPORTED, "unsupported"},
                                                   {DX_NOT_FOUND, "notFound"},
                                                   {DX_ALREADY_EXISTS, "alreadyExists"},
                                                   {DX_WRONG_STATUS, "wrongStatus"},
                                                   {DX_LIMIT_EXCEEDED, "limitExceeded"},
                                                   {DX_TIMED_OUT, "timedOut"},
                                                   {DX_STALE, "stale"}};
  auto found = names.find(code);
  return found == names.end() ? std::to_string(code) : found->second;
}

class Script {
 public:
  explicit Script(Site &site) : site_(site) {}

  void run() {
    site_.begin(Json::object());
    auto &commands = site_.scenario()["script"];
    for (std::size_t index = 0; index < commands.size(); index++) {
      auto at = [&](const std::exception &error) {
        return "command " + std::to_string(index + 1) + ", " + commands[index].dump() + ": " + error.what();
      };
      try {
        perform(commands[index]);
      } catch (const Unknown &error) {
        throw Unknown(at(error));
      } catch (const Mismatch &error) {
        throw Mismatch(at(error));
      } catch (const std::exception &error) {
        throw std::runtime_error(at(error));
      }
    }
  }

 private:
  void perform(const Json &command) {
    if (sent(command) || asked(command) || controlled(command) || completed(command) || lived(command))
      return;
    if (command.contains("wait")) return site_.wait(command["wait"].text(), command);
    if (command.contains("expect")) return site_.expect(command["expect"].text(), command);
    throw Unknown("there is no such command");
  }

  /// Makes a call and compares what comes of it with `gives`, `failure` or `error`. True: the command was one
  /// of ours.
  template <class Call>
  bool check(const Json &command, Call call) {
    auto patterns = site_.patterns;
    try {
      Json given = call(site_.client());
      require_that(!command.contains("failure") && !command.contains("error"), "it gave " + given.dump());
      if (!command.contains("gives")) return true;
      require_that(patterns.match(command["gives"], given), "it gave " + given.dump());
    } catch (const perdure::WorkFailed &error) {
      require_that(command.contains("failure"), std::string("it failed: ") + error.what());
      auto wrong = Site::differences(command["failure"], error.failure(), patterns);
      require_that(wrong.empty(), joined(wrong));
    } catch (const perdure::Error &error) {
      require_that(command["error"] == Json(code_name(error.code())),
                   std::string("it was refused: ") + error.what());
    }
    site_.patterns = patterns;
    return true;
  }

  // ---- Messages ----

  bool sent(const Json &command) {
    auto &data = command["with"];
    std::string to = command["to"].text();
    bool keep = is_true_value(command["keep"]);
    if (command.contains("start")) {
      return check(command, [&](auto &client) {
        return client.start(command["start"].text(), data, start_options(command));
      });
    }
    if (command.contains("raise")) {
      return check(command,
                   [&](auto &client) { return client.raise_event(to, command["raise"].text(), data, keep); });
    }
    if (command.contains("enqueue")) {
      return check(command,
                   [&](auto &client) { return client.enqueue(to, command["enqueue"].text(), data, keep); });
    }
    if (!command.contains("publish")) return false;
    return check(command, [&](auto &client) { return client.publish(command["publish"].text(), data); });
  }

  static perdure::StartOptions start_options(const Json &command) {
    perdure::StartOptions options;
    options.instance = command["instance"].text();
    options.version = command["version"].text();
    if (command.contains("policy")) options.policy = command["policy"].as<perdure::StartPolicy>();
    if (command.contains("delayMS")) options.delay = milliseconds(command["delayMS"]);
    if (command.contains("priority")) options.priority = command["priority"].as<int>();
    if (command.contains("attributes")) {
      options.attributes = command["attributes"].as<std::map<std::string, std::string>>();
    }
    options.memo = command["memo"];
    options.dedup_key = command["dedupKey"].text();
    return options;
  }

  bool asked(const Json &command) {
    auto &input = command["with"];
    std::string of = command["of"].text();
    if (command.contains("call")) {
      perdure::CallOptions options;
      options.timeout = command.contains("timeoutMS") ? milliseconds(command["timeoutMS"]) : longest;
      options.call_id = command["id"].text();
      return check(command,
                   [&](auto &client) { return client.call(of, command["call"].text(), input, options); });
    }
    if (!command.contains("query")) return false;
    return check(command,
                 [&](auto &client) { return client.query(of, command["query"].text(), input, longest); });
  }

  // ---- Control ----

  bool controlled(const Json &command) {
    std::string reason = command["reason"].text();
    auto on = [&](const char *verb, auto call) {
      if (!command.contains(verb)) return false;
      return check(command, [&](auto &client) { return Json::of(call(client, command[verb].text())); });
    };
    auto manage = [&](auto &client, const std::string &operation, const std::string &instance) {
      auto request = Json::object("operation", operation, "actor", "kit", "instance", instance);
      if (operation == "reset") request.set("event", command["toEvent"]);
      return client.manage(request);
    };
    std::optional<Milliseconds> grace;
    if (command.contains("graceMS")) grace = milliseconds(command["graceMS"]);
    bool force = is_true_value(command["force"]);
    return on("cancel", [&](auto &client, auto &id) { return client.cancel(id, reason, grace); }) ||
           on("suspend", [&](auto &client, auto &id) { return client.suspend(id, reason); }) ||
           on("resume", [&](auto &client, auto &id) { return client.resume(id); }) ||
           on("terminate", [&](auto &client, auto &id) { return client.terminate(id, reason); }) ||
           on("retry", [&](auto &client, auto &id) { return client.retry(id); }) ||
           on("rewind", [&](auto &client, auto &id) { return manage(client, "rewind", id); }) ||
           on("reset", [&](auto &client, auto &id) { return manage(client, "reset", id); }) ||
           on("delete", [&](auto &client, auto &id) { return client.remove(id, force); });
  }

  // ---- Deferred activities ----

  bool completed(const Json &command) {
    auto &data = command["with"];
    if (command.contains("complete")) {
      return deferred(command, command["complete"],
                      [&](auto &client, auto &token) { client.complete_activity(token, data); });
    }
    if (command.contains("failActivity")) {
      return deferred(command, command["failActivity"], [&](auto &client, auto &token) {
        auto thrown = perdure::attempt([&] { throw_failure(command["failureIs"]); });
        client.fail_activity(token, thrown.failure());
      });
    }
    if (!command.contains("heartbeatActivity")) return false;
    return deferred(command, command["heartbeatActivity"],
                    [&](auto &client, auto &token) { client.heartbeat_activity(token, data); });
  }

  /// Tries again while the deferral is on its way to the disk.
  template <class Call>
  bool deferred(const Json &command, const Json &activity, Call call) {
    return check(command, [&](auto &client) -> Json {
      auto deadline = std::chrono::steady_clock::now() + longest;
      while (true) {
        std::string token = site_.board.token(activity.text());
        try {
          call(client, token);
          return nullptr;
        } catch (const perdure::WrongStatus &) {
          if (std::chrono::steady_clock::now() > deadline) throw;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    });
  }

  // ---- Life ----

  bool lived(const Json &command) {
    if (command.contains("release")) {
      site_.board.release(command["release"].text());
    } else if (command.contains("waitMark")) {
      std::int64_t count = command.contains("count") ? whole(command["count"]) : 1;
      std::int64_t found = site_.board.wait_mark(command["waitMark"].text(), count);
      require_that(found >= count, "there are " + std::to_string(found) + " marks");
    } else if (command.contains("stop")) {
      site_.stop();
    } else if (command.contains("begin")) {
      site_.begin(command["begin"]);
    } else if (command.contains("restart")) {
      site_.restart(command["restart"]);
    } else if (command.contains("runs")) {
      for (auto &[activity, count] : command["runs"].members()) {
        Json found = site_.board.runs(activity);
        require_that(found == count, "'" + activity + "' ran " + found.dump() + " times");
      }
    } else if (command.contains("metrics")) {
      eventually([&] { return wrong_metrics(command["metrics"]); });
    } else {
      return false;
    }
    return true;
  }

  std::vector<std::string> wrong_metrics(const Json &expected) const {
    std::map<std::string, double> sums;
    Json metrics = site_.store().metrics();
    for (auto &family : metrics["families"]) {
      for (auto &series : family["series"]) {
        if (series.contains("value")) sums[family["name"].text()] += series["value"].as<double>();
      }
    }
    std::vector<std::string> wrong;
    for (auto &[name, value] : expected.members()) {
      if (!(Json(sums[name]) == value)) wrong.push_back(name + " is " + Json(sums[name]).dump());
    }
    return wrong;
  }

  Site &site_;
};

}  // namespace kit

#endif  // PERDURE_TESTS_KIT_SCRIPT_HPP
