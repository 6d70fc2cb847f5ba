/// Three orchestrations with a bug that tests seldom meet, and their right versions: `simulate` finds the
/// wrong ones and passes the right ones.
///
///     g++ -std=c++20 simulate.cpp $(pkg-config --cflags --libs dx) -o simulate
#include <dx_testing.hpp>

#include <iostream>

using namespace std::chrono_literals;
using perdure::OrchestrationContext;
using perdure::Simulation;
using perdure::Task;
using perdure::World;

/// A transfer takes back what it booked when a step fails - and forgets that it may be cancelled, too.
namespace lost_compensation {

Task<void> book(OrchestrationContext &ctx, std::string order) {
  co_await ctx.activity("debit", order);
  co_await ctx.activity("credit", order);
}

Task<void> take_back(OrchestrationContext &ctx, std::string order) {
  auto often = perdure::ActivityOptions().retry(perdure::RetryPolicy().max_attempts(30));
  co_await ctx.activity("takeBack", order, often);
}

Task<std::string> wrong(OrchestrationContext &ctx, std::string order) {
  auto booked = co_await perdure::attempt(book(ctx, order));
  if (booked.is<perdure::ActivityFailed>()) co_await take_back(ctx, order);
  booked.rethrow();
  co_return "done";
}

Task<std::string> right(OrchestrationContext &ctx, std::string order) {
  auto booked = co_await perdure::attempt(book(ctx, order));
  if (!booked) {
    auto undo = ctx.shield(take_back(ctx, order));
    auto undone = co_await perdure::attempt(undo);
    // Cancelled while it takes back: that comes to its end first.
    if (undone.is_cancelled()) co_await undo;
    undone.rethrow();
  }
  booked.rethrow();
  co_return "done";
}

/// Books what has a key once, and takes back whatever was booked for an order.
class Bank {
 public:
  void book(const std::string &key, const std::string &account, int amount) {
    booked_.emplace(key, std::pair(account, amount));
  }
  void take_back(const std::string &order) {
    booked_.erase(order + "/debit");
    booked_.erase(order + "/credit");
  }
  int balance(const std::string &account) const {
    int sum = 0;
    for (auto &[key, booking] : booked_) sum += booking.first == account ? booking.second : 0;
    return sum;
  }

 private:
  std::map<std::string, std::pair<std::string, int>> booked_;
};

void scenario(Simulation &run, bool is_right) {
  auto &bank = run.state<Bank>();
  run.orchestration("transfer", is_right ? right : wrong);
  run.activity("debit", [&bank](std::string order) { bank.book(order + "/debit", "ada", -10); });
  run.activity("credit", [&bank](std::string order) { bank.book(order + "/credit", "ben", 10); });
  run.activity("takeBack", [&bank](std::string order) { bank.take_back(order); });
  run.start("transfer", "o-1", {.instance = "transfer-1"});
  run.cancel("transfer-1", "", {.after = 5s});
  run.check("all or nothing is booked", [&bank](const World &end) {
    int amount = end.instance("transfer-1").status == "Completed" ? 10 : 0;
    return bank.balance("ada") == -amount && bank.balance("ben") == amount;
  });
}

}  // namespace lost_compensation

/// An order charges a card - twice, when the process dies between the charge and its record.
namespace double_charge {

Task<std::string> order(OrchestrationContext &ctx, int price) {
  auto receipt = co_await ctx.activity<std::string>("charge", price);
  co_await ctx.activity("ship", receipt);
  co_return receipt;
}

/// Charges again what comes again, unless it comes with a key that it knows.
struct Gateway {
  std::vector<int> charges;
  std::map<std::string, std::string> receipts;

  std::string charge(int price) {
    charges.push_back(price);
    return "receipt " + std::to_string(charges.size());
  }
  std::string charge(int price, const std::string &key) {
    if (!receipts.contains(key)) receipts[key] = charge(price);
    return receipts[key];
  }
};

void scenario(Simulation &run, bool uses_key) {
  auto &gateway = run.state<Gateway>();
  run.orchestration("order", order);
  run.activity("charge", [&gateway, uses_key](perdure::ActivityContext &ctx, int price) {
    return uses_key ? gateway.charge(price, ctx.idempotency_key()) : gateway.charge(price);
  });
  run.activity("ship", "on its way");
  run.start("order", 42, {.instance = "order-1"});
  run.always("nobody pays twice", [&gateway] { return gateway.charges.size() <= 1; });
  run.check("the order is paid", [&gateway] { return gateway.charges == std::vector<int>{42}; });
}

}  // namespace double_charge

/// An invoice waits for its payment, and reminds now and then - and a payment that comes in just then is
/// forgotten: the time limit is around the wait AND around what follows it.
namespace forgotten_event {

Task<std::string> paid(OrchestrationContext &ctx) {
  auto payment = co_await ctx.wait_for_event<std::string>("payment");
  co_await ctx.activity("record", payment);
  co_return payment;
}

Task<std::string> wrong(OrchestrationContext &ctx) {
  for (int reminders = 0; reminders < 3; reminders++) {
    // The limit may end it when the payment is taken and not recorded yet.
    auto in_time = co_await ctx.wait_for(paid(ctx), 10s);
    if (in_time) co_return *in_time;
    co_await ctx.activity("remind");
  }
  co_return co_await paid(ctx);
}

Task<std::string> right(OrchestrationContext &ctx) {
  std::optional<std::string> payment;
  for (int reminders = 0; reminders < 3 && !payment; reminders++) {
    payment = co_await ctx.wait_for(ctx.wait_for_event<std::string>("payment"), 10s);
    if (!payment) co_await ctx.activity("remind");
  }
  if (!payment) payment = co_await ctx.wait_for_event<std::string>("payment");
  co_await ctx.activity("record", *payment);
  co_return *payment;
}

void scenario(Simulation &run, bool is_right) {
  auto &ledger = run.state<std::set<std::string>>();
  run.orchestration("invoice", is_right ? right : wrong);
  run.activity("record", [&ledger](std::string payment) { ledger.insert(payment); });
  run.activity("remind", nullptr);
  run.start("invoice", nullptr, {.instance = "invoice-1"});
  run.event("invoice-1", "payment", "p-1", {.after = 5s});
  run.check("the payment is recorded", [&ledger] { return ledger == std::set<std::string>{"p-1"}; });
}

}  // namespace forgotten_event

/// Whether the wrong version breaks the invariant that it should break, and the right one none.
bool check(const std::string &name, const std::string &invariant, void (*scenario)(Simulation &, bool),
           const perdure::SimulateOptions &options = {}) {
  auto wrong = perdure::simulate([=](Simulation &run) { scenario(run, false); }, options);
  std::cout << name << ", wrong: " << wrong << "\n";
  auto right = perdure::simulate([=](Simulation &run) { scenario(run, true); }, options);
  std::cout << name << ", right: " << right << "\n";
  return !wrong.ok() && wrong.failure->invariant == invariant && right.ok();
}

int main() {
  bool compensation = check("lost compensation", "all or nothing is booked", lost_compensation::scenario,
                            {.fail_activities = true});
  bool charge = check("double charge", "nobody pays twice", double_charge::scenario);
  bool event = check("forgotten event", "every instance ends", forgotten_event::scenario);
  return compensation && charge && event ? 0 : 1;
}
