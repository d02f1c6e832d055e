// Shows a parameter, again after every change of its namespace.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"

	pb "paramd/examples/go/gen/parameter/v1"
	"paramd/examples/go/paramd"
)

func main() {
	connection, err := paramd.Connect(cmp.Or(os.Getenv("PARAMD_TARGET"), "127.0.0.1:50051"))
	if err != nil {
		log.Fatal(err)
	}
	client := pb.NewParameterServiceClient(connection)
	// The state of the namespace, again after every change, over broken connections too.
	for state, err := range paramd.Watch(context.Background(), client, "app:config:") {
		if err != nil {
			log.Fatal(err)
		}
		maxUsers := int64(50)
		if value, ok := state["app:config:max_users"].GetValue().GetKind().(*pb.Value_IntValue); ok {
			maxUsers = value.IntValue
		}
		fmt.Println("max_users is", maxUsers)
	}
}
