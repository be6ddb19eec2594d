package main

import (
	"context"

	"github.com/hashicorp/terraform-plugin-framework/datasource"
	"github.com/hashicorp/terraform-plugin-framework/datasource/schema"
	"github.com/hashicorp/terraform-plugin-framework/types"
)

type nullDataSource struct{}

type nullDataSourceModel struct {
	ID                 types.String `tfsdk:"id"`
	Inputs             types.Map    `tfsdk:"inputs"`
	Outputs            types.Map    `tfsdk:"outputs"`
	Random             types.String `tfsdk:"random"`
	HasComputedDefault types.String `tfsdk:"has_computed_default"`
}

func (nullDataSource) Metadata(_ context.Context, _ datasource.MetadataRequest, answer *datasource.MetadataResponse) {
	answer.TypeName = "null_data_source"
}

func (nullDataSource) Schema(_ context.Context, _ datasource.SchemaRequest, answer *datasource.SchemaResponse) {
	answer.Schema = schema.Schema{
		Attributes: map[string]schema.Attribute{
			"inputs":               schema.MapAttribute{ElementType: types.StringType, Optional: true},
			"outputs":              schema.MapAttribute{ElementType: types.StringType, Computed: true},
			"random":               schema.StringAttribute{Computed: true},
			"has_computed_default": schema.StringAttribute{Optional: true, Computed: true},
			"id":                   schema.StringAttribute{Computed: true},
		},
	}
}

func (nullDataSource) Read(ctx context.Context, request datasource.ReadRequest, answer *datasource.ReadResponse) {
	var model nullDataSourceModel
	answer.Diagnostics.Append(request.Config.Get(ctx, &model)...)
	if answer.Diagnostics.HasError() {
		return
	}
	model.ID = types.StringValue("static")
	model.Outputs = model.Inputs
	model.Random = types.StringValue(randomID())
	if model.HasComputedDefault.ValueString() == "" {
		model.HasComputedDefault = types.StringValue("default")
	}
	answer.Diagnostics.Append(answer.State.Set(ctx, model)...)
}
