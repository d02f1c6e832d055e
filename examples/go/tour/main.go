// A tour of paramd: typed values, how fresh an answer is, an error's details, and a watch.
package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "paramd/examples/go/gen/parameter/v1"
	"paramd/examples/go/paramd"
)

func main() {
	prefix := "tour:"
	if len(os.Args) > 1 {
		prefix = os.Args[1]
	}
	connection, err := paramd.Connect(cmp.Or(os.Getenv("PARAMD_TARGET"), "127.0.0.1:50051"))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	// No call of a program should wait for ever; the watch ends by its own context.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := tour(ctx, pb.NewParameterServiceClient(connection), prefix); err != nil {
		log.Fatal(err)
	}
}

func tour(ctx context.Context, client pb.ParameterServiceClient, prefix string) error {
	maxUsers, timeout, hosts := prefix+"max_users", prefix+"timeout", prefix+"hosts"

	revision, err := set(ctx, client, maxUsers, intValue(100))
	if err != nil {
		return err
	}
	// Whichever replica answers, it reflects the write.
	read, err := client.GetParameter(ctx, &pb.GetParameterRequest{
		Key: maxUsers, Consistency: &pb.ReadConsistency{AtLeastRevision: revision},
	})
	if err != nil {
		return err
	}
	fmt.Println("max_users =", read.Parameter.Value.GetIntValue())

	if _, err = set(ctx, client, timeout, durationValue(1500*time.Millisecond)); err != nil {
		return err
	}
	if revision, err = set(ctx, client, hosts, listValue("a", "b")); err != nil {
		return err
	}
	batch, err := client.BatchGetParameters(ctx, &pb.BatchGetParametersRequest{
		Keys: []string{timeout, hosts}, Consistency: &pb.ReadConsistency{AtLeastRevision: revision},
	})
	if err != nil {
		return err
	}
	for _, parameter := range batch.Parameters {
		fmt.Println(strings.TrimPrefix(parameter.Key, prefix), "=", text(parameter.Value))
	}
	bound := batch.Freshness.StalenessBound.AsDuration()
	fmt.Println("fresh within 500 ms:", bound <= 500*time.Millisecond)
	fmt.Fprintln(os.Stderr, "current at most", bound, "before it was answered")

	if err := createAgain(ctx, client, read.Parameter); err != nil {
		return err
	}
	return follow(ctx, client, prefix, maxUsers)
}

// createAgain fails, and reads why.
func createAgain(ctx context.Context, client pb.ParameterServiceClient, existing *pb.Parameter) error {
	_, err := client.SetParameter(ctx, &pb.SetParameterRequest{
		Key: existing.Key, Value: intValue(1), IfRevision: proto.Int64(0), RequestId: rand.Text(),
	})
	failure := status.Convert(err)
	for _, detail := range failure.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.Domain == "paramd" {
			same := info.Metadata["currentRevision"] == fmt.Sprint(existing.Revision)
			fmt.Printf("%v %s: %t\n", code.Code(failure.Code()), info.Reason, same)
			return nil
		}
	}
	return fmt.Errorf("expected an error of paramd: %w", err)
}

// follow watches max_users while it is changed, and leaves when the change has arrived.
func follow(ctx context.Context, client pb.ParameterServiceClient, prefix, maxUsers string) error {
	for state, err := range paramd.Watch(ctx, client, prefix) {
		if err != nil {
			return err
		}
		users := state[maxUsers].GetValue().GetIntValue()
		fmt.Println("watching: max_users =", users)
		if users == 120 {
			break
		}
		if _, err := set(ctx, client, maxUsers, intValue(120)); err != nil {
			return err
		}
	}
	return nil
}

// set returns the revision of the write. The request id makes it safe to send the same request again.
func set(ctx context.Context, client pb.ParameterServiceClient, key string, value *pb.Value) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	written, err := client.SetParameter(ctx, &pb.SetParameterRequest{Key: key, Value: value, RequestId: rand.Text()})
	return written.GetParameter().GetRevision(), err
}

func intValue(value int64) *pb.Value {
	return &pb.Value{Kind: &pb.Value_IntValue{IntValue: value}}
}

func durationValue(value time.Duration) *pb.Value {
	return &pb.Value{Kind: &pb.Value_DurationValue{DurationValue: durationpb.New(value)}}
}

func listValue(values ...string) *pb.Value {
	return &pb.Value{Kind: &pb.Value_StringListValue{StringListValue: &pb.StringList{Values: values}}}
}

// text of some kinds. A value of a kind that this program does not know is an error, never a default.
func text(value *pb.Value) string {
	switch kind := value.GetKind().(type) {
	case *pb.Value_IntValue:
		return fmt.Sprint(kind.IntValue)
	case *pb.Value_DurationValue:
		return fmt.Sprintf("%g s", kind.DurationValue.AsDuration().Seconds())
	case *pb.Value_StringListValue:
		return strings.Join(kind.StringListValue.Values, ", ")
	default:
		log.Fatalf("a value of kind %T", kind)
		return ""
	}
}
