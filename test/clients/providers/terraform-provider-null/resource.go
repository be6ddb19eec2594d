package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/mapplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/planmodifier"
	"github.com/hashicorp/terraform-plugin-framework/resource/schema/stringplanmodifier"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type nullResource struct{}

var _ resource.ResourceWithImportState = nullResource{}

type nullResourceModel struct {
	ID       types.String `tfsdk:"id"`
	Triggers types.Map    `tfsdk:"triggers"`
}

func (nullResource) Metadata(_ context.Context, _ resource.MetadataRequest, answer *resource.MetadataResponse) {
	answer.TypeName = "null_resource"
}

func (nullResource) Schema(_ context.Context, _ resource.SchemaRequest, answer *resource.SchemaResponse) {
	answer.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"triggers": schema.MapAttribute{
				ElementType:   types.StringType,
				Optional:      true,
				PlanModifiers: []planmodifier.Map{mapplanmodifier.RequiresReplace()},
			},
			"id": schema.StringAttribute{
				Computed:      true,
				PlanModifiers: []planmodifier.String{stringplanmodifier.UseStateForUnknown()},
			},
		},
	}
}

func (nullResource) Create(ctx context.Context, request resource.CreateRequest, answer *resource.CreateResponse) {
	var model nullResourceModel
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if answer.Diagnostics.HasError() {
		return
	}
	model.ID = types.StringValue(randomID())
	answer.Diagnostics.Append(answer.State.Set(ctx, model)...)
}

func (nullResource) Read(context.Context, resource.ReadRequest, *resource.ReadResponse) {}

func (nullResource) Update(ctx context.Context, request resource.UpdateRequest, answer *resource.UpdateResponse) {
	var model nullResourceModel
	answer.Diagnostics.Append(request.Plan.Get(ctx, &model)...)
	if answer.Diagnostics.HasError() {
		return
	}
	answer.Diagnostics.Append(answer.State.Set(ctx, model)...)
}

func (nullResource) Delete(context.Context, resource.DeleteRequest, *resource.DeleteResponse) {}

// Upstream cannot import; ours can, so that the tests have an import that needs no cloud.
func (nullResource) ImportState(ctx context.Context, request resource.ImportStateRequest, answer *resource.ImportStateResponse) {
	resource.ImportStatePassthroughID(ctx, path.Root("id"), request, answer)
}
