import CDX
import PerdureABI
import PerdureWire

/// One call after the other, as the script says. The corpus knows them by their places: new ones go to the
/// end.
enum ABICalls {
  static func make(_ site: ABISite) {
    let place = Int(site.script.byte())
    calls[place % calls.count](site)
  }

  private typealias Call = @Sendable (ABISite) -> Void
  private static let calls: [Call] =
    opening + starting + looking + managing + waiting + running + tokens + rest

  // MARK: Arguments

  /// Mostly one that lives, at times NULL, one that is gone, of another kind, or made up.
  private static func handle(_ site: ABISite, _ handles: [OpaquePointer?]) -> OpaquePointer? {
    let choice = site.script.byte()
    switch choice {
    case 0..<224: return handles.isEmpty ? nil : handles[Int(choice) % handles.count]
    case 224..<232: return nil
    case 232..<244:
      let others = site.stores + site.clients + site.runtimes + site.simulations + site.errors
      return others.isEmpty ? nil : others[Int(choice) % others.count]
    default: return OpaquePointer(bitPattern: UInt(bitPattern: Int(site.script.number())))
    }
  }

  private static let ids = ["i", "j", "i.1.1", "", "é", "perdure.schedule/s", "nobody"]

  private static func id(_ site: ABISite) -> [UInt8] {
    site.script.flag() ? site.script.chunk(limit: 24) : Array(site.script.choose(ids).utf8)
  }

  /// A text that fits mostly, with bytes of the script in the middle at times.
  private static func json(_ site: ABISite, _ texts: [String]) -> [UInt8] {
    var text = Array(site.script.choose(texts).utf8)
    switch site.script.pick(4) {
    case 0:
      guard !text.isEmpty else { return site.script.chunk(limit: 32) }
      let place = site.script.pick(text.count)
      text.replaceSubrange(
        place..<min(text.count, place + site.script.pick(4)), with: site.script.chunk(limit: 16))
    case 1: return site.script.chunk(limit: 64)
    default: break
    }
    return text
  }

  private static func timeout(_ site: ABISite) -> Int64 {
    site.script.flag() ? 0 : Int64(site.script.pick(3))
  }

  // MARK: Calls

  private static let opening: [Call] = [
    { site in
      let url = site.script.choose([
        "memory:", "memory:x", "sqlite:", "sqlite:/", "pg:x", "", "sqlite:/proc/self/x",
      ])
      site.openStore(url, config: String(decoding: json(site, ABITexts.storeConfigs), as: UTF8.self))
    },
    { site in
      let store = handle(site, site.stores)
      if site.clients.count < 6 { site.add(to: &site.clients) { dx_client_new(store, $0) } }
    },
    { site in
      let store = handle(site, site.stores)
      guard site.runtimes.count < 3 else { return }
      with(json(site, ABITexts.runtimeOptions)) { config in
        var options = dx_runtime_options(struct_size: MemoryLayout<dx_runtime_options>.size, config: config)
        site.add(to: &site.runtimes) { dx_runtime_new(store, &options, $0) }
      }
    },
    { site in dx_client_free(handle(site, site.clients)) },
    { site in dx_store_close(handle(site, site.stores)) },
    { site in
      let store = handle(site, site.stores)
      with(json(site, ["", #"{"format":"openmetrics"}"#])) { request in
        _ = site.take(bytes: { dx_store_metrics(store, request, $0) })
      }
    },
    { site in
      let store = handle(site, site.stores)
      _ = site.take(json: { dx_store_clock(store, $0) })
    },
  ]

  private static let starting: [Call] = [
    { site in ask(site, ABITexts.starts, dx_client_start) },
    { site in ask(site, ABITexts.batches, dx_client_start_many) },
    { site in ask(site, ABITexts.sends, dx_client_send) },
    { site in ask(site, ABITexts.controls, dx_client_control) },
    { site in tell(site, dx_client_raise_event) },
    { site in tell(site, dx_client_enqueue) },
    { site in
      let client = handle(site, site.clients)
      with(id(site)) { id in with(site.script.chunk()) { site.take(dx_client_cancel(client, id, $0)) } }
    },
    { site in
      let client = handle(site, site.clients)
      with(id(site)) { topic in
        with(json(site, ["1", ""])) { data in
          _ = site.take(json: { dx_client_publish(client, topic, data, $0) })
        }
      }
    },
  ]

  private static let looking: [Call] = [
    { site in
      let client = handle(site, site.clients)
      with(id(site)) { id in _ = site.take(json: { dx_client_describe(client, id, $0) }) }
    },
    { site in ask(site, ABITexts.histories, dx_client_history) },
    { site in ask(site, ABITexts.lists, dx_client_list) },
    { site in ask(site, ABITexts.kvQueries, dx_client_kv) },
    { site in ask(site, [#"{"instance":"i"}"#, #"{"instance":"i","force":true}"#], dx_client_delete) },
  ]

  private static let managing: [Call] = [
    { site in
      let client = handle(site, site.clients)
      with(json(site, ABITexts.managements)) { request in
        _ = site.take(lines: { dx_client_manage(client, request, $0) })
      }
    },
    { site in ask(site, ABITexts.schedules, dx_client_manage) },
    { site in
      // What one store exports, another (or the same, after a delete) takes back.
      let client = handle(site, site.clients)
      var file = with(#"{"operation":"export","instance":"i","children":true}"#) { request in
        site.take(lines: { dx_client_manage(client, request, $0) })
      }
      guard !file.isEmpty else { return }
      if site.script.flag() {
        let place = Int(site.script.byte()) * 7 % file.count
        file.replaceSubrange(
          place..<min(file.count, place + site.script.pick(5)), with: site.script.chunk(limit: 8))
      }
      var request = JSONWriter()
      request.beginObject()
      request.member("operation", literal: "import")
      request.member("suspended", false)
      request.member("text", String(decoding: file, as: UTF8.self))
      request.endObject()
      file = request.finish()
      let other = handle(site, site.clients)
      with(file) { request in _ = site.take(json: { dx_client_manage(other, request, $0) }) }
    },
  ]

  private static let waiting: [Call] = [
    { site in
      let client = handle(site, site.clients)
      with(id(site)) { id in wait(site) { dx_client_wait(client, id, $0, waited, nil) } }
    },
    { site in
      let (client, version) = (handle(site, site.clients), site.script.number())
      with(id(site)) { id in wait(site) { dx_client_wait_status(client, id, version, $0, waited, nil) } }
    },
    { site in
      let client = handle(site, site.clients)
      with(json(site, ABITexts.histories)) { query in
        wait(site) { dx_client_wait_history(client, query, $0, waited, nil) }
      }
    },
    { site in
      let client = handle(site, site.clients)
      with(json(site, ABITexts.calls)) { request in
        wait(site) { dx_client_call(client, request, $0, waited, nil) }
      }
    },
    { site in
      let client = handle(site, site.clients)
      with(json(site, ABITexts.queries)) { request in
        wait(site) { dx_client_query(client, request, $0, waited, nil) }
      }
    },
    { site in
      let (store, span) = (handle(site, site.stores), site.script.number())
      wait(site) { dx_store_advance_clock(store, span, $0, waited, nil) }
    },
    { site in
      let runtime = handle(site, site.runtimes)
      with(json(site, ABITexts.recordings)) { history in
        wait(site) { dx_history_replay(runtime, history, $0, waited, nil) }
      }
    },
    { site in
      let runtime = handle(site, site.runtimes)
      with(json(site, ["", #"{"statuses":["Running"],"limit":2}"#])) { request in
        wait(site) { dx_runtime_preflight(runtime, request, $0, waited, nil) }
      }
    },
    { site in site.take(dx_client_wait(handle(site, site.clients), dx_text(), 0, nil, nil)) },
  ]

  private static let running: [Call] = [
    { site in site.take(dx_runtime_start(handle(site, site.runtimes))) },
    { site in
      let (runtime, grace) = (handle(site, site.runtimes), Int64(site.script.pick(3)))
      Waiting.all.begin()
      let error = dx_runtime_stop(runtime, grace, stopped, nil)
      if error != nil { Waiting.all.end() }
      site.take(error)
    },
    { site in dx_runtime_free(handle(site, site.runtimes)) },
    { site in
      let (runtime, user) = (
        handle(site, site.runtimes), UnsafeMutableRawPointer(bitPattern: UInt(site.script.byte()) + 1)
      )
      with(id(site)) { name in
        with(site.script.choose(["", "1.0.0", "2", "é"])) { version in
          site.take(dx_register_orchestration(runtime, name, version, answerTurn, user, nil))
        }
        site.take(dx_register_activity(runtime, name, answerActivity, user, nil))
      }
    },
    { site in
      let runtime = handle(site, site.runtimes)
      with(json(site, [#"{"concurrency":1}"#, #"{"rate":1,"ratePeriodMS":1}"#])) { limits in
        with(id(site)) { site.take(dx_runtime_limit_activity(runtime, $0, limits)) }
      }
    },
    { site in
      let (runtime, turns, activities) = (
        handle(site, site.runtimes), site.script.number(), site.script.number()
      )
      with(json(site, ABITexts.pollAnswers)) { answers in
        _ = site.take(
          json: {
            dx_runtime_poll(
              runtime, answers, Int32(truncatingIfNeeded: turns), Int32(truncatingIfNeeded: activities),
              timeout(site), $0)
          })
      }
    },
  ]

  /// Tokens as they come from nowhere, or are those of other things.
  private static let tokens: [Call] = [
    { site in
      let token = handle(site, site.runtimes)
      var text = dx_text()
      site.take(dx_turn_input(token, &text))
      site.take(dx_turn_input(token, nil))
      site.take(with(site.script.chunk()) { dx_turn_complete(token, $0) })
      site.take(with(site.script.chunk()) { dx_turn_fail(token, $0) })
      site.take(with(site.script.chunk()) { dx_password_complete(token, $0) })
      site.take(with(site.script.chunk()) { dx_password_fail(token, $0) })
    },
    { site in
      let token = handle(site, site.clients)
      var text = dx_text()
      site.take(dx_activity_input(token, &text))
      _ = dx_activity_is_cancelled(token)
      site.take(dx_activity_on_cancel(token, { _ in }, nil, nil))
      site.take(with(site.script.chunk()) { dx_activity_heartbeat(token, $0) })
      site.take(dx_activity_defer(token))
      site.take(with(site.script.chunk()) { dx_activity_complete(token, $0) })
      site.take(with(site.script.chunk()) { dx_activity_fail(token, $0) })
    },
    { site in
      let client = handle(site, site.clients)
      let number = site.script.flag() ? "1" : "\(site.script.number())"
      with(Array("\(number).1.1.".utf8) + id(site)) { token in
        site.take(with(site.script.chunk(limit: 8)) { dx_client_heartbeat_activity(client, token, $0) })
        site.take(with(site.script.chunk(limit: 8)) { dx_client_complete_activity(client, token, $0) })
        site.take(with(site.script.chunk(limit: 8)) { dx_client_fail_activity(client, token, $0) })
      }
    },
    { site in
      let error = handle(site, site.errors)
      _ = (dx_error_code(error), dx_error_is_transient(error))
      _ = (String(cString: dx_error_message(error)), String(cString: dx_error_details(error)))
    },
  ]

  private static let rest: [Call] = [
    { site in
      guard site.simulations.count < 3 else { return }
      with(json(site, ABITexts.simulations)) { config in
        site.add(to: &site.simulations) { dx_simulation_new(config, $0) }
      }
    },
    { site in
      let simulation = handle(site, site.simulations)
      with(json(site, ABITexts.simulationAnswers)) { answers in
        _ = site.take(json: { dx_simulation_step(simulation, answers, $0) })
      }
    },
    { site in dx_simulation_free(handle(site, site.simulations)) },
    { site in
      site.take(with(json(site, ["", #"{"level":"debug"}"#])) { dx_log_set($0, { _, _ in }, nil, nil) })
    },
    { site in site.take(with("") { dx_log_set($0, nil, nil, nil) }) },
    { site in
      var options = dx_store_options(
        struct_size: Int(site.script.byte()) % (MemoryLayout<dx_store_options>.size + 1),
        url: dx_text(data: nil, size: 1),
        config: dx_text())
      site.add(to: &site.stores) { dx_store_open(&options, $0) }
      site.take(dx_store_open(&options, nil))
      site.take(dx_client_new(handle(site, site.stores), nil))
      site.take(dx_client_list(handle(site, site.clients), dx_text(), nil))
    },
  ]

  // MARK: Shapes of calls

  private typealias Request = (OpaquePointer?, dx_text, UnsafeMutablePointer<dx_buffer>?) -> OpaquePointer?
  private typealias Message = (OpaquePointer?, dx_text, dx_text, dx_text) -> OpaquePointer?

  private static func ask(_ site: ABISite, _ texts: [String], _ call: Request) {
    let client = handle(site, site.clients)
    with(json(site, texts)) { request in _ = site.take(json: { call(client, request, $0) }) }
  }

  private static func tell(_ site: ABISite, _ call: Message) {
    let client = handle(site, site.clients)
    with(id(site)) { id in
      with(site.script.choose(["e", "q", "", "perdure.schedule"])) { name in
        with(json(site, ["1", "", #"{"a":[]}"#])) { site.take(call(client, id, name, $0)) }
      }
    }
  }

  /// `done` comes once, unless the call itself fails.
  private static func wait(_ site: ABISite, _ call: (Int64) -> OpaquePointer?) {
    Waiting.all.begin()
    let error = call(timeout(site))
    if error != nil { Waiting.all.end() }
    site.take(error)
  }
}
