/// Where instances live, and what the library has to say.
#ifndef PERDURE_STORE_HPP
#define PERDURE_STORE_HPP

#include "library.hpp"

namespace perdure {

/// How a store is to be opened.
struct StoreOptions {
  /// How long a call waits for another process's write lock.
  std::optional<Milliseconds> busy_timeout = {};
  /// What the store takes, when the defaults do not fit; the same in every process.
  std::optional<Limits> limits = {};
  /// Further settings, as docs/wire-format.md has them ("Store config").
  Json config = {};
  /// Returns the password for a PostgreSQL server; called for each connection that is opened, on a thread of
  /// its own, as the tokens of cloud identities expire.
  std::function<std::string()> password = {};
};

namespace detail {

using Password = std::function<std::string()>;

/// Answers the question of the engine for a password.
inline void give_password(dx_password *request, void *user_data) noexcept {
  dx_error *error = nullptr;
  try {
    std::string password = (*static_cast<Password *>(user_data))();
    error = dx_password_complete(request, text_of(password));
  } catch (const std::exception &failure) {
    error = dx_password_fail(request, text_of(failure.what()));
  } catch (...) {
    error = dx_password_fail(request, text_of("its callback failed."));
  }
  // Nobody waits for it any more, or it is no text, which the one who waits is told.
  dx_error_free(error);
}

inline dx_store *open_store(const dx_store_options &options, const Password &password) {
  dx_store *opened = nullptr;
  if (!password) {
    check(dx_store_open(&options, &opened));
    return opened;
  }
  auto owned = std::make_unique<Password>(password);
  dx_release_fn release = [](void *held) { delete static_cast<Password *>(held); };
  check(dx_store_open_with_password(&options, give_password, owned.release(), release, &opened));
  return opened;
}

}  // namespace detail

/// An open store. Copies are the same store; it closes when the last of them, and of the clients and runtimes
/// on it, is gone.
class Store {
 public:
  /// `url`: "sqlite:PATH" or "postgresql://USER@HOST/DATABASE?schema=NAME", made if it does not exist, or
  /// "memory:". Throws a `StoreError` that names the store and the cause.
  explicit Store(const std::string &url, const StoreOptions &options = {}) : url_(url) {
    Json config = options.config.is_null() ? Json::object() : options.config;
    if (options.busy_timeout) {
      config.set("busyTimeoutMS", detail::wire_ms(*options.busy_timeout, "busy_timeout", 0));
    }
    if (options.limits) config.set("limits", Json::of(*options.limits));
    std::string text = config.dump();
    dx_store_options wire = DX_STORE_OPTIONS_INIT;
    wire.url = detail::text_of(url);
    wire.config = detail::text_of(text);
    handle_ = std::shared_ptr<dx_store>(detail::open_store(wire, options.password), dx_store_close);
    if (config["limits"].is_object()) limits_ = config["limits"].as<Limits>();
  }

  const std::string &url() const { return url_; }
  const Limits &limits() const { return limits_; }

  /// What this process has committed to the store since it was opened, and what its runtimes hold now:
  /// "Metrics" of docs/wire-format.md. Does not touch the store.
  Json metrics() const { return detail::answer_of(metrics_text("")); }
  /// The same as OpenMetrics 1.0 text, for Prometheus and its like.
  std::string open_metrics() const { return metrics_text("{\"format\":\"openmetrics\"}"); }

  /// The time that the engine goes by.
  Time now() const {
    detail::Buffer out;
    detail::check(dx_store_clock(handle(), out.out()));
    return time_of(out.view());
  }
  /// Moves virtual time (`.config = Json::object("clock", Json::object("mode", "virtual"))`, for tests),
  /// stopping at each moment on the way at which something is due, until nothing of this process is at work
  /// on the store. With 0 it only waits for that. Returns the time that it is then. Throws Unsupported when
  /// time is the system's, and TimedOut after `timeout` of the system's time when something goes on.
  Time advance(Milliseconds duration, std::optional<Milliseconds> timeout = {}) const {
    auto *store = handle();
    auto ms = detail::wire_ms(duration, "The duration", 0), most = detail::timeout_ms(timeout);
    detail::Waiting waiting;
    return time_of(waiting.block(
        [&](dx_wait_fn done, void *to) { return dx_store_advance_clock(store, ms, most, done, to); }));
  }
  /// Drops this reference.
  void close() { handle_.reset(); }

  /// For C functions; borrowed. Throws InvalidHandle after `close`.
  dx_store *handle() const { return detail::open_handle(handle_, "store"); }

 private:
  std::string metrics_text(std::string_view request) const {
    detail::Buffer out;
    detail::check(dx_store_metrics(handle(), detail::text_of(request), out.out()));
    return std::string(out.view());
  }
  static Time time_of(std::string_view clock) {
    return Time(Milliseconds(detail::answer_of(clock)["now"].as<std::int64_t>()));
  }
  std::string url_;
  Limits limits_;
  std::shared_ptr<dx_store> handle_;
};

/// The release of the loaded library, such as "0.1.0".
inline std::string library_version() { return dx_version(); }

/// Throws Unsupported when the loaded library is not one that this header can work with.
inline void check_library() {
  std::uint32_t found = dx_abi_version();
  if (found >> 16 == DX_ABI_MAJOR && (found & 0xFFFF) >= DX_ABI_MINOR) return;
  throw Unsupported("libdx has ABI " + std::to_string(found >> 16) + "." + std::to_string(found & 0xFFFF) +
                    "; this program needs " + std::to_string(DX_ABI_MAJOR) + "." +
                    std::to_string(DX_ABI_MINOR) + ".");
}

/// Sends log records of this process ("Log record" of docs/wire-format.md, a JSON object) to `log`, on
/// threads of the engine; an empty function turns logging off, which is how it starts. `level`: "debug",
/// "info", "warn" or "error".
inline void set_log(const std::string &level, std::function<void(const Json &)> log) {
  if (!log) return detail::check(dx_log_set({nullptr, 0}, nullptr, nullptr, nullptr));
  using Log = std::function<void(const Json &)>;
  auto config = Json::object("level", level).dump();
  auto owned = std::make_unique<Log>(std::move(log));
  dx_log_fn write = [](dx_text record, void *user_data) noexcept {
    try {
      (*static_cast<Log *>(user_data))(detail::answer_of(detail::view_of(record)));
    } catch (...) {
      std::fprintf(stderr, "perdure: the log has thrown %s\n",
                   detail::failure_of(std::current_exception()).str().c_str());
    }
  };
  // Released also when the call fails.
  detail::check(dx_log_set(detail::text_of(config), write, static_cast<void *>(owned.release()),
                           [](void *user_data) { delete static_cast<Log *>(user_data); }));
}

}  // namespace perdure

#endif  // PERDURE_STORE_HPP
