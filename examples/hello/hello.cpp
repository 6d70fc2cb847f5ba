// One orchestration with one activity, in C++.
//
//     g++ -std=c++20 examples/hello/hello.cpp $(pkg-config --cflags --libs dx) -o hello
//     ./hello sqlite:hello.sqlite Ada
#include <dx.hpp>
#include <iostream>

using namespace std::chrono_literals;

// An activity: an ordinary function, which may do anything.
std::string greet(perdure::ActivityContext &, std::string name) { return "Hello, " + name + "!"; }

// An orchestration: a coroutine that says what happens in which order.
perdure::Task<std::string> hello(perdure::OrchestrationContext &ctx, std::string name) {
  co_return co_await ctx.activity<std::string>("greet", name);
}

int main(int count, char **arguments) try {
  perdure::Store store(count > 1 ? arguments[1] : "memory:");
  perdure::Runtime runtime(store);
  runtime.orchestration("hello", hello).activity("greet", greet).start();

  perdure::Client client(store);
  std::string instance = client.start("hello", count > 2 ? arguments[2] : "World");
  std::cout << client.result<std::string>(instance, 30s) << "\n";
} catch (const perdure::Error &error) {
  std::cerr << "hello: " << error.what() << "\n";
  return 1;
}
