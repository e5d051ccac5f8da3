package config

import (
	"fmt"
	"maps"
	"testing"
)

// bearer are settings that sign in by OAUTHBEARER.
func bearer() Settings {
	s := valid()
	s.KafkaSASLMechanism = "oauthbearer"
	s.KafkaSASLOAuthTokenURL, s.KafkaSASLOAuthClientID, s.KafkaSASLOAuthClientSecret = "https://idp.example.com/oauth2/token?tenant=1", "connector", "hush"
	return s
}

func TestSASL_OAuth(t *testing.T) {
	s := bearer()
	s.KafkaSASLOAuthScope, s.KafkaSASLOAuthExtensions = "kafka  topics", "logicalCluster=lkc-1, identityPoolId=pool-1="
	c, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	got := c.SASL.OAuth
	if c.SASL.Mechanism != "OAUTHBEARER" || got.TokenURL.String() != s.KafkaSASLOAuthTokenURL || got.ClientID != "connector" || got.Secret.Reveal() != "hush" ||
		fmt.Sprint(got.Scopes) != "[kafka topics]" || !maps.Equal(got.Extensions, map[string]string{"logicalCluster": "lkc-1", "identityPoolId": "pool-1="}) {
		t.Errorf("%+v", c.SASL)
	}
	for _, url := range []string{"http://127.0.0.1:8080/token", "http://[::1]/token", "http://localhost/token"} {
		s.KafkaSASLOAuthTokenURL = url
		if _, err := Parse(s); err != nil {
			t.Error(err)
		}
	}
}

func TestSASL_OAuthIsRefusedByName(t *testing.T) {
	for name, test := range map[string]struct {
		change         func(*Settings)
		variable, says string
	}{
		"no endpoint":   {func(s *Settings) { s.KafkaSASLOAuthTokenURL = "" }, "KAFKA_SASL_OAUTH_TOKEN_URL", "is not set"},
		"no URL":        {func(s *Settings) { s.KafkaSASLOAuthTokenURL = "idp/token" }, "KAFKA_SASL_OAUTH_TOKEN_URL", "is not an http or https URL"},
		"not encrypted": {func(s *Settings) { s.KafkaSASLOAuthTokenURL = "http://idp.example.com/token" }, "KAFKA_SASL_OAUTH_TOKEN_URL", "must be https"},
		"with a user":   {func(s *Settings) { s.KafkaSASLOAuthTokenURL = "https://a:b@idp.example.com" }, "KAFKA_SASL_OAUTH_TOKEN_URL", "a user"},
		"no client":     {func(s *Settings) { s.KafkaSASLOAuthClientID = "" }, "KAFKA_SASL_OAUTH_CLIENT_ID", "is not set"},
		"no secret":     {func(s *Settings) { s.KafkaSASLOAuthClientSecret = "" }, "KAFKA_SASL_OAUTH_CLIENT_SECRET", "is not set"},
		"no extension":  {func(s *Settings) { s.KafkaSASLOAuthExtensions = "a=b,logical_cluster=lkc" }, "KAFKA_SASL_OAUTH_EXTENSIONS", `has "logical_cluster=lkc"`},
		"its own token": {func(s *Settings) { s.KafkaSASLOAuthExtensions = "auth=Bearer" },
			"KAFKA_SASL_OAUTH_EXTENSIONS", "must not name auth"},
		"no CA": {func(s *Settings) { s.KafkaSASLOAuthCAFile = "no-such-file.pem" }, "KAFKA_SASL_OAUTH_CA_FILE", "cannot be read"},
		"a user of PLAIN": {func(s *Settings) { s.KafkaSASLUsername = "u" },
			"KAFKA_SASL_USERNAME", "signs in with KAFKA_SASL_OAUTH_CLIENT_ID"},
		"a password of PLAIN": {func(s *Settings) { s.KafkaSASLPassword = "p" },
			"KAFKA_SASL_PASSWORD", "signs in with KAFKA_SASL_OAUTH_CLIENT_SECRET"},
		"another mechanism": {func(s *Settings) {
			*s = valid()
			s.KafkaSASLMechanism, s.KafkaSASLUsername, s.KafkaSASLPassword, s.KafkaSASLOAuthScope = "PLAIN", "u", "p", "kafka"
		}, "KAFKA_SASL_OAUTH_SCOPE", "KAFKA_SASL_MECHANISM is not OAUTHBEARER"},
		"a secret's file with another mechanism": {func(s *Settings) {
			*s = valid()
			s.SecretFiles = map[string]string{"KAFKA_SASL_OAUTH_CLIENT_SECRET": "f"}
		}, "KAFKA_SASL_OAUTH_CLIENT_SECRET_FILE", "KAFKA_SASL_MECHANISM is not OAUTHBEARER"},
	} {
		t.Run(name, func(t *testing.T) {
			s := bearer()
			test.change(&s)
			refusedFor(t, s, test.variable, test.says)
		})
	}
}
