package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/teams-kafka/connector/schema"
)

// registry looks at the schema registry.
type registry struct {
	cfg      Config
	standing schema.Standing
	err      error // that the schema is incompatible
}

func (r *registry) checks() []check {
	if r.cfg.Registry == nil {
		none := func(context.Context) Finding {
			return skipped("SCHEMA_REGISTRY_URL is not set: records are written in Avro's single-object encoding")
		}
		return []check{{name: "registry", run: none}, {name: "schema", run: none}}
	}
	return []check{
		{name: "registry", run: r.reach},
		{name: "schema", needs: []string{"registry"}, run: r.schema},
	}
}

// reach asks the registry whether it has the schema.
func (r *registry) reach(ctx context.Context) Finding {
	standing, err := r.cfg.Registry.Check(ctx, schema.Subject(r.cfg.Topics.Output))
	switch {
	case errors.Is(err, schema.ErrIncompatible):
		r.err = err
	case errors.Is(err, schema.ErrRegistryRefused):
		return fail(err.Error(), "check SCHEMA_REGISTRY_URL and the user, password or token for it, and what that user may read")
	case err != nil:
		return fail(err.Error(), "check SCHEMA_REGISTRY_URL, the network and the egress rules, and SCHEMA_REGISTRY_CA_FILE")
	}
	r.standing = standing
	return ok("the registry answers")
}

// schema says whether the subject has the schema.
func (r *registry) schema(context.Context) Finding {
	subject := schema.Subject(r.cfg.Topics.Output)
	level := cmp.Or(r.standing.Level, "a level that this account may not read")
	switch s := r.standing; {
	case r.err != nil:
		return fail(r.err.Error(), "the subject holds another schema: use another KAFKA_TOPIC, or a version of the connector whose schema is compatible")
	case !s.Registered && r.cfg.Lookup:
		return fail(fmt.Sprintf("subject %s does not hold the schema, and SCHEMA_REGISTRY_MODE is lookup", subject),
			"connector schema register, with an account that may write")
	case s.Unchecked != nil:
		return warn(fmt.Sprintf("subject %s: whether it takes the schema shows at start: %v", subject, s.Unchecked),
			"let the account read the subject and its compatibility, or register the schema beforehand (connector schema register)")
	case s.Exists && s.Level == "NONE":
		return warn(fmt.Sprintf("subject %s holds new versions to no compatibility (NONE)", subject),
			"set the subject's level to FULL_TRANSITIVE, so that no writer can break the topic's readers")
	case s.Registered:
		return ok("subject %s holds the schema, its id is %d, new versions are held to %s", subject, s.ID, level)
	case s.Exists:
		return ok("subject %s takes the schema (the level is %s); it is registered at start", subject, level)
	default:
		return ok("subject %s does not exist; it is created at start, with the level FULL_TRANSITIVE", subject)
	}
}
