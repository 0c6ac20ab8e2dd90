// Asks a Latchkey at HOST:PORT whatever a grpc-go client may ask, and prints the status of each call by name, as JSON.
package main

import (
	"context"
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"time"

	auth "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	health "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

const concurrent = 2000

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	defer connection.Close()
	checks := auth.NewAuthorizationClient(connection)
	check := func(ctx context.Context, path string, body int, options ...grpc.CallOption) string {
		http := &auth.AttributeContext_HttpRequest{Method: "POST", Path: path, Body: strings.Repeat("x", body)}
		request := &auth.CheckRequest{Attributes: &auth.AttributeContext{Request: &auth.AttributeContext_Request{Http: http}}}
		response, err := checks.Check(ctx, request, options...)
		if err == nil && response.GetDeniedResponse() == nil {
			return "allowed"
		}
		return status.Code(err).String()
	}
	told := map[string]string{}
	ever := context.Background()
	told["Check"] = check(ever, "/", 0)
	told["Check of a megabyte"] = check(ever, "/", 1<<20)
	told["Check of four megabytes"] = check(ever, "/", 4<<20)
	told["compressed Check"] = check(ever, "/", 100, grpc.UseCompressor(gzip.Name))

	soon, release := context.WithTimeout(ever, 200*time.Millisecond)
	told["Check that takes too long"] = check(soon, "/waits", 0)
	release()
	taken, takeBack := context.WithCancel(ever)
	time.AfterFunc(100*time.Millisecond, takeBack)
	told["Check that is taken back"] = check(taken, "/waits", 0)

	told["unknown method"] = status.Code(connection.Invoke(ever, "/nobody.Nothing/Never", &emptypb.Empty{}, &emptypb.Empty{})).String()

	healths := health.NewHealthClient(connection)
	answer, err := healths.Check(ever, &health.HealthCheckRequest{})
	told["health"] = answer.GetStatus().String() + " " + status.Code(err).String()
	_, err = healths.Check(ever, &health.HealthCheckRequest{Service: "nobody"})
	told["health of nobody"] = status.Code(err).String()
	watching, stop := context.WithCancel(ever)
	watch, err := healths.Watch(watching, &health.HealthCheckRequest{})
	if err == nil {
		answer, _ = watch.Recv()
		stop()
		_, err = watch.Recv()
	}
	told["watched health"] = answer.GetStatus().String() + " " + status.Code(err).String()
	stop()

	answers := make(chan string)
	for call := 0; call < concurrent; call++ {
		go func() { answers <- check(ever, "/", 300) }()
	}
	allowed := 0
	for call := 0; call < concurrent; call++ {
		if <-answers == "allowed" {
			allowed++
		}
	}
	told["allowed of 2000 at once"] = strconv.Itoa(allowed)
	if err := json.NewEncoder(os.Stdout).Encode(told); err != nil {
		panic(err)
	}
}
