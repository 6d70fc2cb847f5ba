// Orders that survive being killed: reserve the stock, charge the card, wait for an approval, ship. What was
// done is undone, in reverse order, when a step fails or nobody approves in time. The C++ twin of order.py.
//
//     g++ -std=c++20 examples/order/order.cpp $(pkg-config --cflags --libs dx) -o order
//     ./order demo sqlite:demo.sqlite        an order, its worker killed with -9 in the middle
//
// or by hand, in two terminals; kill the worker as often as you like:
//
//     ./order worker sqlite:orders.sqlite
//     ./order start sqlite:orders.sqlite order-1 book 20
//     ./order approve sqlite:orders.sqlite order-1
//     ./order status sqlite:orders.sqlite
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <dx.hpp>
#include <iostream>
#include <thread>

using namespace std::chrono_literals;
using perdure::OrchestrationContext;
using perdure::Task;

struct Order {
  std::string item;
  int price = 0;
  std::string card = "valid";
  /// How many seconds the order waits for its approval.
  int patience = 60;

  static void fields(auto &order, auto visit) {
    visit("item", order.item);
    visit("price", order.price);
    visit("card", order.card, "valid");
    visit("patience", order.patience, 60);
  }
};

struct CardDeclined : perdure::Fault {
  using Fault::Fault;
};
struct NoCarrier : perdure::Fault {
  using Fault::Fault;
};

// ---- Activities: ordinary functions that may do anything, run at least once ----
// A real shop would hand `context.idempotency_key()` to its bank, which then takes repeated calls for one.

/// Says that the activity really runs, then takes as long as a call to another service does.
void take_time(const perdure::ActivityContext &context) {
  std::cout << "  " << context.name() << ", attempt " << context.attempt() << ", in process " << getpid()
            << std::endl;
  std::this_thread::sleep_for(300ms);
}

std::string reserve_stock(perdure::ActivityContext &context, Order order) {
  take_time(context);
  return "reservation of " + order.item;
}

std::string charge_card(perdure::ActivityContext &context, Order order) {
  take_time(context);
  if (order.card != "valid") throw CardDeclined("the card is " + order.card, {.non_retryable = true});
  return "payment of " + std::to_string(order.price);
}

std::string ship(perdure::ActivityContext &context, Order order) {
  take_time(context);
  if (order.item == "anvil") throw NoCarrier("too heavy for any carrier");
  return "parcel with " + order.item;
}

void refund_card(perdure::ActivityContext &context, std::string) { take_time(context); }

void release_stock(perdure::ActivityContext &context, std::string) { take_time(context); }

// ---- The orchestration: one function, however often its process dies ----

/// What is to be undone: the activity that does it, and what it is given.
using Undo = std::vector<std::pair<std::string, std::string>>;

Task<std::string> steps(OrchestrationContext &ctx, Order order, Undo &undo) {
  auto retried = perdure::ActivityOptions()
                     .retry(perdure::RetryPolicy().max_attempts(3).initial_interval(200ms))
                     .start_to_close(30s);
  ctx.set_custom_status("reserving");
  auto reservation = co_await ctx.activity<std::string>("reserve_stock", order, retried);
  undo.emplace_back("release_stock", reservation);
  ctx.set_custom_status("charging");
  auto payment = co_await ctx.activity<std::string>("charge_card", order, retried);
  undo.emplace_back("refund_card", payment);
  ctx.set_custom_status("waiting for approval");
  // A race of an event and a durable timer. The event may have come long before.
  auto approval = co_await ctx.wait_for(ctx.wait_for_event("approved"), std::chrono::seconds(order.patience));
  if (!approval) throw perdure::Fault("nobody approved in time");
  ctx.set_custom_status("shipping");
  auto parcel = co_await ctx.activity<std::string>("ship", order, retried);
  co_return "shipped: " + parcel;
}

Task<std::string> order(OrchestrationContext &ctx, Order order) {
  Undo undo;
  // An outcome instead of an exception: C++ has no co_await in a catch.
  auto done = co_await perdure::attempt(steps(ctx, order, undo));
  if (done) co_return *done;
  ctx.set_custom_status("compensating");
  for (auto step = undo.rbegin(); step != undo.rend(); ++step)
    co_await ctx.activity(step->first, step->second);
  if (done.is_cancelled()) done.rethrow();
  co_return "compensated: " + done.failure().message;
}

// ---- The worker, and commands that are clients in processes of their own ----

int run_worker(const std::string &url) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  // Before the engine starts threads, so that none of them takes the signal.
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  perdure::Store store(url);
  perdure::Runtime runtime(store);
  runtime.orchestration("order", order);
  runtime.activity("reserve_stock", reserve_stock)
      .activity("charge_card", charge_card)
      .activity("ship", ship);
  runtime.activity("refund_card", refund_card).activity("release_stock", release_stock);
  runtime.start();
  int number = 0;
  sigwait(&signals, &number);
  return 0;
}

/// A worker in a process of its own. It must be forked before this process opens a store.
pid_t fork_worker(const std::string &url) {
  std::cout.flush();
  pid_t child = fork();
  if (child == 0) _exit(run_worker(url));
  return child;
}

/// Waits in a client of its own until the order says that it does this.
void wait_for_status(const std::string &url, const std::string &wanted) {
  perdure::Client client(url);
  for (std::int64_t seen = 0;;) {
    auto found = client.wait_for_status("order-1", seen, 30s);
    if (found.custom_status == wanted || found.is_ended()) return;
    seen = found.custom_status_version;
  }
}

/// In a process of its own, because a process that has opened a store should not fork.
template <class Body>
void apart(Body body) {
  std::cout.flush();
  pid_t child = fork();
  if (child == 0) {
    body();
    std::cout.flush();
    _exit(0);
  }
  waitpid(child, nullptr, 0);
}

int demo(const std::string &url) {
  apart([&] { perdure::Client(url).start("order", Order{"book", 20}, {.instance = "order-1"}); });
  std::cout << "order-1 is on disk; a worker begins" << std::endl;
  pid_t first = fork_worker(url);
  apart([&] { wait_for_status(url, "charging"); });
  kill(first, SIGKILL);
  waitpid(first, nullptr, 0);
  std::cout << "the worker was killed while it charged the card; another one goes on" << std::endl;
  pid_t second = fork_worker(url);
  apart([&] { perdure::Client(url).raise_event("order-1", "approved", "somebody"); });
  int status = 1;
  {
    perdure::Client client(url);
    std::cout << client.result<std::string>("order-1", 60s) << std::endl;
    status = 0;
  }
  kill(second, SIGTERM);
  waitpid(second, nullptr, 0);
  return status;
}

int main(int count, char **arguments) try {
  std::vector<std::string> given(arguments + 1, arguments + count);
  if (given.size() < 2) {
    std::cerr << "order: demo|worker|start|approve|status STORE-URL [ID [ITEM PRICE]]\n";
    return 2;
  }
  const std::string command = given[0], url = given[1];
  if (command == "demo") return demo(url);
  if (command == "worker") return run_worker(url);
  perdure::Client client(url);
  if (command == "start" && given.size() == 5) {
    client.start("order", Order{given[3], std::stoi(given[4])}, {.instance = given[2]});
    std::cout << given[2] << " is on disk\n";
  } else if (command == "approve" && given.size() == 3) {
    client.raise_event(given[2], "approved", "somebody");
    std::cout << "the approval of " << given[2] << " is on disk\n";
  } else if (command == "status") {
    for (auto &one : client.list({.orchestration = "order"})) {
      auto &shown = one.output.is_null() ? one.custom_status : one.output;
      std::cout << one.instance << "  " << one.status << "  " << shown.dump() << "\n";
    }
  } else {
    std::cerr << "order: that is not how it is asked; see the top of order.cpp\n";
    return 2;
  }
} catch (const std::exception &error) {
  std::cerr << "order: " << error.what() << "\n";
  return 1;
}
