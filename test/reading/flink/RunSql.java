import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/** Runs the statements of standard input in an embedded Flink cluster and prints each row: +I, -U, +U or -D, and the values. */
public class RunSql {
    public static void main(String[] args) throws Exception {
        var configuration = new Configuration();
        configuration.setString("parallelism.default", "1");
        var environment = TableEnvironment.create(
            EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(configuration).build());
        int query = 0;
        for (String statement : new String(System.in.readAllBytes()).split(";")) {
            if (statement.isBlank()) {
                continue;
            }
            var result = environment.executeSql(statement);
            if (!statement.strip().startsWith("SELECT")) {
                continue;
            }
            query++;
            try (var rows = result.collect()) {
                while (rows.hasNext()) {
                    var row = rows.next();
                    var line = new StringBuilder("row\t" + query + "\t" + row.getKind().shortString());
                    for (int i = 0; i < row.getArity(); i++) {
                        line.append('\t').append(row.getField(i));
                    }
                    System.out.println(line);
                }
            }
        }
    }
}
