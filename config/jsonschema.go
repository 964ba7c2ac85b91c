package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"time"

	"github.com/sentinel-dq/sentinel"
	"github.com/sentinel-dq/sentinel/checks"
	"github.com/sentinel-dq/sentinel/notify"
	"github.com/sentinel-dq/sentinel/repair"
	"github.com/sentinel-dq/sentinel/warehouse"
)

type object = map[string]any

// JSONSchema returns the format's schema (draft 2020-12), generated from the
// types and the registered checks, for editors that complete and check YAML.
func JSONSchema() []byte {
	inherit := object{
		"schedule": object{"type": "string", "description": "cron: minute hour day-of-month month day-of-week"},
		"timezone": object{"type": []string{"string", "null"}, "description": "IANA name, such as Europe/Berlin"},
		"tier":     object{"enum": []any{"critical", "warning", "info", nil}},
		"owner":    object{"type": []string{"string", "null"}},
		"runbook":  object{"type": []string{"string", "null"}},
		"confirm":  object{"anyOf": []any{schemaOf(reflect.TypeFor[checks.Confirm]()), object{"type": "null"}}},
	}
	dataset := object{
		"table":       object{"type": "string", "description": "warehouse.schema.table; * and % are wildcards"},
		"exclude":     object{"type": "array", "items": object{"type": "string"}},
		"time_column": object{"type": []string{"string", "null"}},
		"depends_on":  object{"type": "array", "items": object{"type": "string"}},
		"checks":      object{"type": "array", "minItems": 1, "items": checkSchema()},
		"repair":      object{"type": "array", "items": repairSchema()},
		"risk":        object{"anyOf": []any{schemaOf(reflect.TypeFor[Risk]()), object{"enum": []any{"off", false, nil}}}},
	}
	for k, v := range inherit {
		dataset[k] = v
	}
	wh := schemaOf(warehouseType)
	wh["properties"].(object)["dsn_file"] = object{"type": "string"}
	wh["properties"].(object)["repair_dsn_file"] = object{"type": "string"}
	wh["properties"].(object)["standby_dsn_file"] = object{"type": []string{"string", "array"}}
	wh["properties"].(object)["dialect"] = object{"enum": warehouse.Dialects()}
	duration := schemaOf(reflect.TypeFor[checks.Duration]())
	root := object{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Sentinel configuration", "type": "object", "additionalProperties": false,
		"required": []string{"warehouses", "datasets"},
		"properties": object{
			"state": object{"type": "string", "default": "sqlite:sentinel.db"}, "listen": object{"type": "string", "default": "127.0.0.1:9780"},
			"repairs": object{"enum": []any{"on", "off", true, false}}, "repair_budget": object{"type": "integer", "minimum": 0}, "token": object{"type": "string"}, "token_file": object{"type": "string"}, "retention": duration, "jitter": duration, "catch_up": object{"enum": []string{"one", "all", "none"}},
			"max_series": object{"type": "integer", "minimum": 1}, "warehouses": object{"type": "object", "additionalProperties": wh},
			"notify": object{"type": "object", "additionalProperties": channelSchema()}, "external_url": object{"type": "string"},
			"exporters":   object{"type": "array", "items": exporterSchema()},
			"routes":      object{"type": "array", "items": schemaOf(reflect.TypeFor[notify.Route]())},
			"maintenance": object{"type": "array", "items": schemaOf(reflect.TypeFor[notify.Window]())},
			"defaults":    closed(inherit), "datasets": object{"type": "array", "minItems": 1, "items": closed(dataset, "table", "checks")},
		},
	}
	out, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(err) // maps of texts
	}
	return append(out, '\n')
}

func closed(properties object, required ...string) object {
	o := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		o["required"] = required
	}
	return o
}

func checkSchema() object {
	kinds := object{}
	for _, name := range checks.Kinds() {
		c, err := checks.New(name)
		if err != nil {
			panic(err) // listed by the registry
		}
		kinds[name] = object{"anyOf": []any{schemaOf(reflect.TypeOf(c).Elem()), object{"type": "null"}}}
	}
	full := closed(kinds)
	full["minProperties"], full["maxProperties"] = 1, 1
	return object{"anyOf": []any{object{"type": "string", "description": "a short form: row_count > 0, freshness(column) < 1d, schema"}, full}}
}

// repairSchema is an item of `repair:`: a policy's keys and one action.
func repairSchema() object {
	o := schemaOf(reflect.TypeFor[repair.Policy]())
	properties := o["properties"].(object)
	for _, name := range repair.Actions() {
		a, err := repair.New(name)
		if err != nil {
			panic(err) // listed by the registry
		}
		properties[name] = object{"anyOf": []any{schemaOf(reflect.TypeOf(a).Elem()), object{"type": "null"}}}
	}
	properties["mode"] = object{"enum": []repair.Mode{repair.Off, repair.Manual, repair.Auto, repair.Shadow}}
	o["required"] = []string{"on"}
	return o
}

// schemaOf describes a type as its YAML is written.
func schemaOf(t reflect.Type) object {
	switch t {
	case reflect.TypeFor[checks.Duration](), reflect.TypeFor[time.Duration]():
		return object{"anyOf": []any{
			object{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(w|d|h|m|s|ms) ?)+$|^0$`},
			closed(object{"count": object{"type": "integer"}, "period": object{"enum": []string{"minute", "hour", "day"}}}, "count", "period"),
		}}
	case reflect.TypeFor[checks.Bound](), reflect.TypeFor[checks.Tolerance](), reflect.TypeFor[sentinel.Secret](), reflect.TypeFor[sentinel.Table](), reflect.TypeFor[repair.Share]():
		return object{"type": "string"}
	case reflect.TypeFor[checks.Policy]():
		return object{"enum": []string{"ignore", "pass", "warn", "fail", "error", "unknown"}}
	case reflect.TypeFor[checks.Period]():
		return object{"enum": []string{"hour", "day", "week", "month"}}
	case reflect.TypeFor[checks.DeclaredColumns]():
		return object{"type": []string{"array", "object"}}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		return object{"anyOf": []any{object{"type": "array", "items": schemaOf(t.Elem())}, schemaOf(t.Elem())}}
	case reflect.Map:
		return object{"type": "object"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return object{"type": "integer"}
	case reflect.Struct:
		properties := object{}
		fill(properties, t)
		return closed(properties)
	}
	return object{"type": "string"}
}

func fill(properties object, t reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || name == "-":
		case options == "inline":
			fill(properties, f.Type)
		case name != "":
			properties[name] = schemaOf(f.Type)
		}
	}
}
