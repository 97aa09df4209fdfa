package schedotel_test

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedotel"
	"github.com/heddle-go/heddle/task"
)

// A service registers its scheduler with its meter. A reader that sends to a collector would take
// the place of the manual one.
func ExampleRegister() {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		panic(err)
	}
	defer sched.Close()
	reader := metric.NewManualReader()
	meters := metric.NewMeterProvider(metric.WithReader(reader))
	if _, err := schedotel.Register(meters.Meter("requests"), "requests", sched); err != nil {
		panic(err)
	}

	if err := sched.Go(func(*task.Ctx) {}).Wait(); err != nil {
		panic(err)
	}
	var all metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &all); err != nil {
		panic(err)
	}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if m.Name == "heddle.tasks.spawned" {
			fmt.Println(m.Name, m.Data.(metricdata.Sum[int64]).DataPoints[0].Value)
		}
	}
	// Output: heddle.tasks.spawned 1
}

// A request's span goes on in the tasks that work on it.
func ExampleSpans() {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		panic(err)
	}
	defer sched.Close()
	spansOut := tracetest.NewInMemoryExporter()
	tracer := sdk.NewTracerProvider(sdk.WithSyncer(spansOut)).Tracer("requests")
	spans := schedotel.NewSpans(tracer, sched)

	ctx, request := tracer.Start(context.Background(), "request")
	err = spans.GoContext(ctx, func(c *task.Ctx) {
		_ = spans.GoContext(c, func(*task.Ctx) {}, task.Name("load")).Wait()
	}, task.Name("render")).Wait()
	if err != nil {
		panic(err)
	}
	request.End()

	names := map[string]string{}
	for _, s := range spansOut.GetSpans() {
		names[s.SpanContext.SpanID().String()] = s.Name
	}
	for _, s := range spansOut.GetSpans() {
		if in := names[s.Parent.SpanID().String()]; in != "" {
			fmt.Println(s.Name, "in", in)
		}
	}
	// Output:
	// load in render
	// render in request
}
