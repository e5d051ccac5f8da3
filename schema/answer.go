package schema

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/twmb/franz-go/pkg/sr"
)

// Bounds of what a registry said in an error, in runes: an explanation of an incompatibility names many
// fields, and an answer that does not come from a registry can be a whole web page.
const maxExplanation, maxAnswer = 2000, 300

// errNoReason is wrapped, beside ErrIncompatible, when the registry does not say what is incompatible.
var errNoReason = errors.New("the registry gives no reason")

// errNotAllowed is wrapped, beside ErrRegistryRefused, when the account may not make the request. It may
// still make others.
var errNotAllowed = errors.New("the account is not allowed to")

func incompatible(subject, explanation string) error {
	if explanation == "" {
		return fmt.Errorf("schema: subject %q: %w: %w", subject, ErrIncompatible, errNoReason)
	}
	return fmt.Errorf("schema: subject %q: %w: %s", subject, ErrIncompatible, explanation)
}

// isMissing reports whether the registry says that it does not have the subject or the schema. A 404
// without one of the registry's own codes comes from something else.
func isMissing(err error) bool {
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		return false
	}
	return isSubjectMissing(err) || response.ErrorCode == sr.ErrSchemaNotFound.Code || response.ErrorCode == sr.ErrVersionNotFound.Code
}

func isSubjectMissing(err error) bool {
	var response *sr.ResponseError
	return errors.As(err, &response) &&
		(response.ErrorCode == sr.ErrSubjectNotFound.Code || response.ErrorCode == sr.ErrSubjectSoftDeleted.Code)
}

// fail says what failed, and whether waiting can help.
func (r *Registry) fail(what, subject string, err error) error {
	var response *sr.ResponseError
	if !errors.As(err, &response) {
		return fmt.Errorf("schema: subject %q: %s: %w", subject, what, err)
	}
	switch status := response.StatusCode; {
	case status == http.StatusConflict:
		return incompatible(subject, r.clean(response.Error(), maxExplanation))
	case status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500:
		return fmt.Errorf("schema: subject %q: %s: the registry answers %s", subject, what, r.said(response))
	default:
		return r.refused(what, subject, response)
	}
}

// refused is the error for an answer that waiting does not change.
func (r *Registry) refused(what, subject string, response *sr.ResponseError) error {
	refusal := ErrRegistryRefused
	if response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusForbidden {
		refusal = fmt.Errorf("%w (%w)", ErrRegistryRefused, errNotAllowed)
	}
	return fmt.Errorf("schema: subject %q: %s: %w: it answers %s", subject, what, refusal, r.said(response))
}

// said is a registry's answer in one line.
func (r *Registry) said(response *sr.ResponseError) string {
	text := r.clean(response.Error(), maxAnswer)
	if text == "" {
		return fmt.Sprint(response.StatusCode)
	}
	return fmt.Sprintf("%d: %s", response.StatusCode, text)
}

var tags = regexp.MustCompile(`(?is)<(script|style)\b.*?</(script|style)>|<[^>]*>`)

// clean makes one bounded line of what a registry, or whatever answered in its place, has said: without
// control characters, markup or the client's own credentials.
func (r *Registry) clean(text string, most int) string {
	if trimmed := strings.TrimSpace(text); strings.HasPrefix(trimmed, "<") {
		text = tags.ReplaceAllString(trimmed, " ")
	}
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "[redacted]")
	}
	text = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsControl(c):
			return ' '
		case unicode.IsPrint(c):
			return c
		default:
			return '?'
		}
	}, strings.ToValidUTF8(text, "?"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}
