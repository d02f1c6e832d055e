package paramd.examples;

import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import java.util.concurrent.TimeUnit;
import paramd.parameter.v1.Parameter;
import paramd.parameter.v1.Value;

/** Shows a parameter, again after every change of its namespace. */
final class LiveParameter {
  public static void main(String[] args) throws InterruptedException {
    String target = System.getenv().getOrDefault("PARAMD_TARGET", "127.0.0.1:50051");
    ManagedChannel channel =
        Grpc.newChannelBuilder(target, InsecureChannelCredentials.create())
            // Pings find a connection that died silently: without them a watch waits for ever.
            .keepAliveTime(20, TimeUnit.SECONDS)
            .keepAliveTimeout(10, TimeUnit.SECONDS)
            .build();
    Parameter none = Parameter.getDefaultInstance();
    // The state of the namespace, again after every change, over broken connections too.
    try (Watch watch = new Watch(channel, "app:config:")) {
      while (true) {
        Value value = watch.next().getOrDefault("app:config:max_users", none).getValue();
        System.out.println("max_users is " + (value.hasIntValue() ? value.getIntValue() : 50));
      }
    }
  }
}
