package paramd.examples;

import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import paramd.parameter.v1.Event;
import paramd.parameter.v1.Parameter;
import paramd.parameter.v1.ParameterServiceGrpc;
import paramd.parameter.v1.WatchRequest;
import paramd.parameter.v1.WatchResponse;

/**
 * The parameters of a prefix, kept up to date by the watch loop that parameter_service.proto gives
 * at {@code rpc Watch}. To be copied.
 */
final class Watch implements AutoCloseable {
  private static final Set<Status.Code> CALL_AGAIN =
      EnumSet.of(Status.Code.UNAVAILABLE, Status.Code.OUT_OF_RANGE, Status.Code.DATA_LOSS);
  private static final long BACKOFF_MIN_MS = 100;
  private static final long BACKOFF_MAX_MS = 10_000;

  private final ManagedChannel channel;
  private final String prefix;
  private Map<String, Parameter> state = new HashMap<>();
  private Map<String, Parameter> snapshot = new HashMap<>();
  private long startRevision = 0;
  private int failures = 0;
  private Context.CancellableContext call = Context.current().withCancellation();
  private Iterator<WatchResponse> responses = null;

  Watch(ManagedChannel channel, String prefix) {
    this.channel = channel;
    this.prefix = prefix;
  }

  /** The parameters by key: at first, and after each change. */
  Map<String, Parameter> next() throws InterruptedException {
    while (true) {
      try {
        if (take(response())) {
          return state;
        }
      } catch (StatusRuntimeException e) {
        close();
        if (!CALL_AGAIN.contains(e.getStatus().getCode())) {
          throw e;
        }
        Thread.sleep(backoffMs());
        channel.resetConnectBackoff(); // By itself the channel waits up to two minutes.
      }
    }
  }

  @Override
  public void close() {
    call.cancel(null);
    responses = null;
  }

  private WatchResponse response() {
    if (responses == null) {
      open();
    }
    if (!responses.hasNext()) {
      throw Status.UNAVAILABLE
          .withDescription("the watch ended without an error")
          .asRuntimeException();
    }
    return responses.next();
  }

  private void open() {
    snapshot.clear();
    WatchRequest request =
        WatchRequest.newBuilder()
            .addPrefixes(prefix)
            .setSendInitial(true)
            .setStartRevision(startRevision)
            .build();
    call = Context.current().withCancellation();
    Context outside = call.attach();
    try {
      responses = ParameterServiceGrpc.newBlockingStub(channel).watch(request);
    } finally {
      call.detach(outside);
    }
  }

  /** Whether the state is another one now. */
  private boolean take(WatchResponse response) {
    failures = 0;
    if (response.getRevision() != 0) {
      startRevision = response.getRevision() + 1;
    }
    switch (response.getKind()) {
      case KIND_INITIAL -> apply(snapshot, response.getEventsList());
      case KIND_INITIAL_COMPLETE -> {
        state = snapshot;
        snapshot = new HashMap<>();
        return true;
      }
      case KIND_CHANGES -> {
        apply(state, response.getEventsList());
        return true;
      }
      default -> {} // PROGRESS: its revision is all it has.
    }
    return false;
  }

  private static void apply(Map<String, Parameter> state, List<Event> events) {
    for (Event event : events) {
      Parameter parameter = event.getParameter();
      if (event.getType() == Event.Type.TYPE_DELETE) {
        state.remove(parameter.getKey());
      } else {
        state.put(parameter.getKey(), parameter);
      }
    }
  }

  /** Jittered, so that not all readers of a lost replica come back at once. */
  private long backoffMs() {
    long limitMs = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS << Math.min(failures++, 20));
    return ThreadLocalRandom.current().nextLong(limitMs);
  }
}
