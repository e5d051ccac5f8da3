package schema

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// Registration is the outcome of Register.
type Registration struct {
	// ID is the schema's ID.
	ID int
	// NoLevel is why the subject may lack the compatibility level FULL_TRANSITIVE; nil if it was given
	// the level, or existed before. Its text says what to check.
	NoLevel error
}

// Register returns the ID of the schema under the subject.
//
// In register mode it registers the schema if the subject does not hold it: compatibility is checked
// first, and a new subject is given the compatibility level FULL_TRANSITIVE before its first schema. A
// registry that does not allow this level to be set is accepted, because it has its own level. The
// level of a subject that exists is its owner's affair. In lookup mode it writes nothing.
//
// The error wraps ErrNotRegistered, ErrIncompatible or ErrRegistryRefused, or is one that may pass.
func (r *Registry) Register(ctx context.Context, subject string) (Registration, error) {
	id, found, err := r.lookup(ctx, subject)
	switch {
	case err != nil:
		return Registration{}, err
	case found:
		return Registration{ID: id}, nil
	case r.mode == RegistryLookup:
		return Registration{}, fmt.Errorf("schema: subject %q: %w; register it (connector schema register), "+
			"or let the connector do it (SCHEMA_REGISTRY_MODE=register)", subject, ErrNotRegistered)
	}
	exists, known, err := r.check(ctx, subject)
	// A registry that gives no reason here (Apicurio Registry 3 does not), or that lets the account register
	// but not check, gives its reason when it refuses the registration.
	if err != nil && !errors.Is(err, errNoReason) && !errors.Is(err, errNotAllowed) {
		return Registration{}, err
	}
	var noLevel error
	switch {
	case !known:
		noLevel = err // the level of a subject that may exist is not touched
	case !exists:
		noLevel = r.setLevel(ctx, subject)
		if noLevel != nil && !IsPermanent(noLevel) {
			return Registration{}, noLevel
		}
	}
	id, err = r.client.RegisterSchema(ctx, subject, current(), -1, -1)
	if err != nil {
		err = r.fail("register the schema", subject, err)
		if noLevel != nil {
			err = fmt.Errorf("%w; before that: %w", err, noLevel)
		}
		return Registration{}, err
	}
	if noLevel != nil {
		noLevel = fmt.Errorf("%w; the subject follows the registry's default%s: have FULL_TRANSITIVE set on it, "+
			"so that no writer can break the topic's readers", noLevel, r.defaultLevel(ctx, subject))
	}
	return Registration{ID: id, NoLevel: noLevel}, nil
}

// lookup looks for the schema under the subject, first as it is, then in the registry's normal form:
// what was registered with normalize=true is found only that way.
func (r *Registry) lookup(ctx context.Context, subject string) (id int, found bool, err error) {
	plain, err := r.client.LookupSchema(ctx, subject, current())
	switch {
	case err == nil:
		return plain.ID, true, nil
	case isSubjectMissing(err):
		return 0, false, nil
	case !isMissing(err):
		return 0, false, r.fail("look the schema up", subject, err)
	}
	normal, err := r.client.LookupSchema(sr.WithParams(ctx, sr.Normalize), subject, current())
	if err == nil {
		return normal.ID, true, nil
	}
	// A registry that does not know the parameter may refuse it, and the first answer holds.
	if failed := r.fail("look the normalized schema up", subject, err); !isMissing(err) && !IsPermanent(failed) {
		return 0, false, failed
	}
	return 0, false, nil
}

// setLevel sets a new subject's compatibility level.
func (r *Registry) setLevel(ctx context.Context, subject string) error {
	for _, result := range r.client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, subject) {
		var response *sr.ResponseError
		if errors.As(result.Err, &response) && (response.StatusCode == http.StatusConflict || response.StatusCode == http.StatusNotImplemented) {
			return r.refused("set the compatibility level", subject, response)
		}
		if result.Err != nil {
			return r.fail("set the compatibility level", subject, result.Err)
		}
	}
	return nil
}

// defaultLevel returns the level that a subject without its own follows, in parentheses; empty if the
// registry does not say.
func (r *Registry) defaultLevel(ctx context.Context, subject string) string {
	for _, result := range r.client.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject) {
		if result.Err == nil {
			return " (" + result.Level.String() + ")"
		}
	}
	return ""
}

// Standing reports whether a subject has the schema.
type Standing struct {
	// Registered reports whether the subject holds the schema, and ID is the schema's ID then.
	Registered bool
	ID         int
	// Exists reports whether the subject holds any schema at all. If it does not, Register creates it with
	// the level FULL_TRANSITIVE.
	Exists bool
	// Level is the compatibility level that new versions of the subject are held to: its own, or else
	// the registry's. It is empty for a subject that does not exist, and if the account may not read it.
	Level string
	// Unchecked is why it is not known whether the subject exists and the schema is compatible: the
	// account may not ask. Register tries all the same.
	Unchecked error
}

// String describes the standing in one sentence.
func (s Standing) String() string {
	level := cmp.Or(s.Level, "a level this account may not read")
	switch {
	case s.Registered:
		return fmt.Sprintf("the schema is registered with ID %d; the compatibility level is %s", s.ID, level)
	case s.Unchecked != nil:
		return fmt.Sprintf("the schema is not registered; its compatibility is unknown: %v", s.Unchecked)
	case s.Exists:
		return fmt.Sprintf("the schema is not registered, but compatible with the registered versions; the compatibility level is %s", level)
	default:
		return "the subject does not exist; registering the schema creates it with the compatibility level FULL_TRANSITIVE"
	}
}

// Check reports whether a subject has the schema, and writes nothing. It returns no error for a
// schema that is registered or could be. The error wraps ErrIncompatible, with the registry's
// explanation, or ErrRegistryRefused, or is one that may pass.
func (r *Registry) Check(ctx context.Context, subject string) (Standing, error) {
	var standing Standing
	id, found, err := r.lookup(ctx, subject)
	switch {
	case err != nil:
		return Standing{}, err
	case found:
		standing.Registered, standing.Exists, standing.ID = true, true, id
	default:
		standing.Exists, _, err = r.check(ctx, subject)
		if errors.Is(err, errNotAllowed) {
			standing.Unchecked, err = err, nil
		}
		if err != nil {
			return Standing{}, err
		}
	}
	if standing.Exists {
		for _, result := range r.client.Compatibility(sr.WithParams(ctx, sr.DefaultToGlobal), subject) {
			failed := r.fail("read the compatibility level", subject, result.Err)
			switch {
			case result.Err == nil:
				standing.Level = result.Level.String()
			case !IsPermanent(failed): // the level is not needed, only good to know
				return Standing{}, failed
			}
		}
	}
	return standing, nil
}

// check reports whether the subject exists, known whether that could be found out, and fails if the schema
// is not compatible with it.
func (r *Registry) check(ctx context.Context, subject string) (exists, known bool, err error) {
	versions, err := r.client.SubjectVersions(ctx, subject)
	if isMissing(err) || (err == nil && len(versions) == 0) {
		return false, true, nil
	}
	if err != nil {
		return false, false, r.fail("list the versions", subject, err)
	}
	const all = -2 // versions; those the subject's own level asks for
	result, err := r.client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, all, current())
	if err != nil {
		return true, true, r.fail("check the compatibility", subject, err)
	}
	if !result.Is {
		return true, true, incompatible(subject, r.clean(strings.Join(result.Messages, "; "), maxExplanation))
	}
	return true, true, nil
}
