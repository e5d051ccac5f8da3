package kafka

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/teams-kafka/connector/test/maven"
)

// versionVariable names the version of Apache Kafka to test against.
const versionVariable = "TEST_KAFKA_VERSION"

// defaultVersion is the version that pom.xml names.
const defaultVersion = "4.3.1"

// Version is the version of Apache Kafka that Start starts.
func Version() string {
	if v := os.Getenv(versionVariable); v != "" {
		return v
	}
	return defaultVersion
}

// fetchTime is how long Maven may take on a machine that has none of the jars.
const fetchTime = 5 * time.Minute

// Classpath returns the class path of the broker, the console tools and Kafka Connect. The first call on a
// machine downloads them.
func Classpath(t testing.TB) string {
	t.Helper()
	_, file, _, _ := runtime.Caller(0)
	ctx, cancel := context.WithTimeout(t.Context(), fetchTime)
	defer cancel()
	folder, err := maven.Fetch(ctx, filepath.Dir(file), "copy-dependencies", "kafka-"+Version(), "kafka.version="+Version())
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(folder, "*")
}
