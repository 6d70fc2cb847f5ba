/// The rows of benchmarks/c/bench.c through dx.hpp: what a C++ host pays over one in C.
///
///     bench-cpp STORE-URL [quick]
///
/// Prints lines of `WORKLOAD NAME cpp VALUE UNIT`. With benchmarks/c/sync_counter.c preloaded it counts syncs
/// too.
#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <dx.hpp>
#include <thread>

namespace {

using namespace std::chrono_literals;
using perdure::OrchestrationContext;
using perdure::Task;

std::atomic<int> turns = 0;
unsigned long (*sync_count)() = nullptr;

struct Usage {
  double wall = 0, processor = 0;
  unsigned long syncs = 0;

  static Usage now() {
    rusage spent{};
    getrusage(RUSAGE_SELF, &spent);
    auto seconds = [](const timeval &time) {
      return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
    };
    auto wall = std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
    return {wall, seconds(spent.ru_utime) + seconds(spent.ru_stime), sync_count ? sync_count() : 0};
  }
};

double resident_mebibytes() {
  long pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  if (file == nullptr || fscanf(file, "%*d %ld", &pages) != 1) pages = 0;
  if (file != nullptr) fclose(file);
  return static_cast<double>(pages) * static_cast<double>(sysconf(_SC_PAGESIZE)) / (1024 * 1024);
}

void report(const char *workload, const std::string &name, double value, const char *unit) {
  std::printf("%s %s cpp %.3f %s\n", workload, name.c_str(), value, unit);
  std::fflush(stdout);
}

// ---- Code ----

Task<int> chain(OrchestrationContext &ctx, int length) {
  int last = 1;
  for (int at = 0; at < length; at++) last = co_await ctx.activity<int>("echo", 1);
  co_return last;
}

Task<int> fan(OrchestrationContext &ctx, int width) {
  std::vector<perdure::Handle<int>> work;
  for (int at = 0; at < width; at++) work.push_back(ctx.activity<int>("echo", 1));
  auto results = co_await perdure::all(std::move(work));
  co_return results.front();
}

Task<void> park(OrchestrationContext &ctx) {
  turns++;
  co_await ctx.wait_for_event("never");
}

// ---- Client ----

void start_many(const perdure::Client &client, const char *name, const std::string &prefix, int count,
                int input) {
  for (int begin = 0; begin < count; begin += 2000) {
    std::vector<perdure::StartRequest> requests;
    for (int at = begin; at < count && at < begin + 2000; at++) {
      requests.push_back({name, input, {.instance = prefix + std::to_string(at)}});
    }
    for (auto &started : client.start_many(requests)) started.rethrow();
  }
}

void wait_many(const perdure::Client &client, const std::string &prefix, int count) {
  std::mutex mutex;
  std::condition_variable changed;
  int ended = 0;
  auto done = [&](perdure::Outcome<perdure::Description> outcome) {
    outcome.value().result<int>();
    std::lock_guard lock(mutex);
    ended++;
    changed.notify_one();
  };
  for (int at = 0; at < count; at++) client.when_ended(prefix + std::to_string(at), done, 600s);
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return ended == count; });
}

// ---- Workloads ----

void many_at_once(const perdure::Client &client, int count) {
  std::string number = std::to_string(count), prefix = "w1-" + number + "-", name = number + "-at-once";
  Usage begin = Usage::now();
  start_many(client, "chain", prefix, count, 1);
  wait_many(client, prefix, count);
  Usage end = Usage::now();
  report("W1", name, count / (end.wall - begin.wall), "orchestrations/s");
  report("W1", name + "-cpu", (end.processor - begin.processor) / count * 1e6, "us/orchestration");
  if (sync_count == nullptr) return;
  report("W1", name + "-syncs", static_cast<double>(end.syncs - begin.syncs) / count, "syncs/orchestration");
}

void one_alone(const perdure::Client &client, int count) {
  std::vector<double> latencies;
  Usage begin = Usage::now();
  for (int at = 0; at < count; at++) {
    std::string prefix = "alone-" + std::to_string(at) + "-";
    double start = Usage::now().wall;
    start_many(client, "chain", prefix, 1, 1);
    wait_many(client, prefix, 1);
    latencies.push_back((Usage::now().wall - start) * 1e3);
  }
  Usage end = Usage::now();
  std::sort(latencies.begin(), latencies.end());
  report("W1", "alone-p50", latencies[latencies.size() / 2], "ms");
  report("W1", "alone-p99", latencies[latencies.size() * 99 / 100], "ms");
  if (sync_count == nullptr) return;
  report("W1", "alone-syncs", static_cast<double>(end.syncs - begin.syncs) / count, "syncs/orchestration");
}

void one_long(const perdure::Client &client, int length) {
  std::string name = "chain-" + std::to_string(length);
  Usage begin = Usage::now();
  start_many(client, "chain", name + "-", 1, length);
  wait_many(client, name + "-", 1);
  Usage end = Usage::now();
  report("W3", name, (end.wall - begin.wall) / length * 1e3, "ms/step");
  report("W3", name + "-cpu", (end.processor - begin.processor) / length * 1e6, "us/step");
}

void fan_out(const perdure::Client &client, int width) {
  std::string name = "fan-" + std::to_string(width);
  Usage begin = Usage::now();
  start_many(client, "fan", name + "-", 1, width);
  wait_many(client, name + "-", 1);
  report("W4", name, (Usage::now().wall - begin.wall) * 1e3, "ms");
}

void parked(const perdure::Client &client, int count, int seconds) {
  int before = turns;
  std::string name = std::to_string(count) + "-parked";
  start_many(client, "park", "park-", count, 0);
  for (int at = 0; at < 3000 && turns - before < count; at++) std::this_thread::sleep_for(10ms);
  // At rest: what the load left over of memory has gone back to the system, as each ten seconds.
  std::this_thread::sleep_for(std::chrono::seconds(seconds + 1));
  Usage begin = Usage::now();
  std::this_thread::sleep_for(std::chrono::seconds(seconds));
  Usage end = Usage::now();
  report("W8", name + "-cpu", (end.processor - begin.processor) / (end.wall - begin.wall) * 60, "s/min");
  report("W8", name + "-rss", resident_mebibytes(), "MiB");
}

/// The binding alone: turns of one activity after the other, without an engine.
void turns_alone(int length) {
  perdure::detail::TurnHost host(10, {});
  host.add(perdure::detail::make_code("chain", "1.0.0", chain));
  auto request = [](int turn, int from, const std::string &event) {
    return "{\"v\":1,\"turn\":" + std::to_string(turn) +
           ",\"instance\":\"i\",\"execution\":1,\"orchestration\":\"chain\",\"version\":\"1.0.0\",\"from\":" +
           std::to_string(from) + ",\"replayed\":" + std::to_string(from) + ",\"events\":[" + event + "]}";
  };
  host.run(request(1, 0,
                   "{\"id\":1,\"at\":1760000000000,\"kind\":\"OrchestrationStarted\",\"name\":\"chain\","
                   "\"version\":\"1.0.0\",\"input\":" +
                       std::to_string(length + 1) + "}"));
  Usage begin = Usage::now();
  for (int at = 1; at <= length; at++) {
    host.run(request(at + 1, at,
                     "{\"id\":" + std::to_string(at + 1) +
                         ",\"at\":1760000000000,\"kind\":\"ActivityCompleted\",\"action\":" +
                         std::to_string(at) + ",\"result\":1}"));
  }
  report("W9", "turn-in-the-binding", (Usage::now().processor - begin.processor) / length * 1e6, "us/turn");
}

}  // namespace

int main(int count, char **arguments) try {
  bool quick = count > 2 && std::string_view(arguments[2]) == "quick";
  if (count < 2) {
    std::fprintf(stderr, "bench: which store? bench-cpp sqlite:PATH [quick]\n");
    return 1;
  }
  *reinterpret_cast<void **>(&sync_count) = dlsym(RTLD_DEFAULT, "sync_count");
  perdure::Store store(arguments[1]);
  perdure::Client client(store);
  perdure::Runtime runtime(store);
  runtime.orchestration("chain", chain).orchestration("fan", fan).orchestration("park", park);
  runtime.activity("echo", [](int value) { return value; }).start();
  report("W8", "rss-at-start", resident_mebibytes(), "MiB");
  one_alone(client, quick ? 20 : 200);
  many_at_once(client, quick ? 200 : 2000);
  if (!quick) many_at_once(client, 10000);
  for (int length = 10; length <= (quick ? 100 : 1000); length *= 10) one_long(client, length);
  if (!quick) one_long(client, 5000);
  fan_out(client, quick ? 100 : 1000);
  parked(client, quick ? 100 : 2000, quick ? 1 : 10);
  turns_alone(quick ? 1000 : 100000);
} catch (const std::exception &error) {
  std::fprintf(stderr, "bench: %s\n", error.what());
  return 1;
}
