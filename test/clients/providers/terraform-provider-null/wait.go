package main

import (
	"context"
	"time"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	dataschema "github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

// null_wait is ours, not upstream's: it makes an apply (the resource) or a plan (the data source) take its time.
// With stubborn = true it goes on after an interrupt, which time_sleep and local-exec do not.
type (
	waitResource   struct{}
	waitDataSource struct{}
)

type waitModel struct {
	ID       types.String `tfsdk:"id"`
	Ms       types.Int64  `tfsdk:"ms"`
	Stubborn types.Bool   `tfsdk:"stubborn"`
}

func (waitResource) Metadata(_ context.Context, _ resource.MetadataRequest, answer *resource.MetadataResponse) {
	answer.TypeName = "null_wait"
}

func (waitDataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, answer *datasource.MetadataResponse) {
	answer.TypeName = "null_wait"
}

func (waitResource) Schema(_ context.Context, _ resource.SchemaRequest, answer *resource.SchemaResponse) {
	answer.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"ms":       schema.Int64Attribute{Required: true},
			"stubborn": schema.BoolAttribute{Optional: true},
			"id":       schema.StringAttribute{Computed: true},
		},
	}
}

func (waitDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, answer *datasource.SchemaResponse) {
	answer.Schema = dataschema.Schema{
		Attributes: map[string]dataschema.Attribute{
			"ms":       dataschema.Int64Attribute{Required: true},
			"stubborn": dataschema.BoolAttribute{Optional: true},
			"id":       dataschema.StringAttribute{Computed: true},
		},
	}
}

// wait reports false when it was interrupted.
func (model *waitModel) wait(ctx context.Context) bool {
	var interrupted <-chan struct{}
	if !model.Stubborn.ValueBool() {
		interrupted = ctx.Done()
	}
	model.ID = types.StringValue(randomID())
	select {
	case <-time.After(time.Duration(model.Ms.ValueInt64()) * time.Millisecond):
		return true
	case <-interrupted:
		return false
	}
}

func (waitResource) Create(ctx context.Context, request resource.CreateRequest, answer *resource.CreateResponse) {
	var model waitModel
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if answer.Diagnostics.HasError() {
		return
	}
	if !model.wait(ctx) {
		answer.Diagnostics.AddError("Interrupted", "The wait was interrupted.")
		return
	}
	answer.Diagnostics.Append(answer.State.Set(ctx, model)...)
}

func (waitResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (waitResource) Update(ctx context.Context, request resource.UpdateRequest, answer *resource.UpdateResponse) {
	var model waitModel
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if answer.Diagnostics.HasError() {
		return
	}
	if !model.wait(ctx) {
		answer.Diagnostics.AddError("Interrupted", "The wait was interrupted.")
		return
	}
	answer.Diagnostics.Append(answer.State.Set(ctx, model)...)
}

func (waitResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

func (waitDataSource) Read(ctx context.Context, request datasource.ReadRequest, answer *datasource.ReadResponse) {
	var model waitModel
	answer.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	if answer.Diagnostics.HasError() {
		return
	}
	if !model.wait(ctx) {
		answer.Diagnostics.AddError("Interrupted", "The wait was interrupted.")
		return
	}
	answer.Diagnostics.Append(answer.State.Set(ctx, model)...)
}
