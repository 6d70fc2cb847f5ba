// What the sanitizers must see, and what they must not: run.py builds this under each of them.
//
//     planted race | mutex | array | overflow | leak | nothing

import Glibc
import Synchronization

final class Counter: @unchecked Sendable {
  let lock = Mutex(())
  var count = 0
}

final class Ring {
  var next: Ring?
}

/// Runs `body` on four threads at once and waits for them.
func onFourThreads(_ body: @escaping @Sendable () -> Void) {
  final class Body: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }
  var threads: [pthread_t] = []
  for _ in 0..<4 {
    var thread = pthread_t()
    let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = {
      $0.map { Unmanaged<Body>.fromOpaque($0).takeRetainedValue().run() }
      return nil
    }
    pthread_create(&thread, nil, entry, Unmanaged.passRetained(Body(body)).toOpaque())
    threads.append(thread)
  }
  for thread in threads { pthread_join(thread, nil) }
}

/// One after the other by chance only.
func race() {
  let counter = Counter()
  onFourThreads { for _ in 0..<1_000 { counter.count += 1 } }
  print(counter.count)
}

/// So long inside that the others must wait: both ways through the Mutex are taken.
func mutex() {
  let counter = Counter()
  onFourThreads {
    for round in 0..<200 {
      counter.lock.withLock { _ in
        counter.count += 1
        if round % 20 == 0 { usleep(1_000) }
      }
    }
  }
  print(counter.count)
}

/// Copied out of a lock, read and let go of, and then changed in place by another thread.
func array() {
  let shared = Mutex<[Int]>([1, 2, 3])
  onFourThreads {
    for round in 0..<2_000 {
      let sum = shared.withLock { $0 }.reduce(0, &+)
      shared.withLock { $0[round % 3] = sum & 0xff }
    }
  }
  print(shared.withLock { $0.count })
}

func overflow() {
  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 16)
  bytes.initialize(repeating: 1, count: 16)
  let place = CommandLine.arguments.count + 14
  print(bytes[place])
  bytes.deallocate()
}

@inline(never)
func makeRing() {
  for _ in 0..<1_000 {
    let one = Ring()
    let other = Ring()
    one.next = other
    other.next = one
  }
}

switch CommandLine.arguments.dropFirst().first {
case "race": race()
case "mutex": mutex()
case "array": array()
case "overflow": overflow()
case "leak": makeRing()
default: print("nothing")
}
