import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Tells Vitrine what may have changed: by HTTP with notify(), or with any NATS client by an empty message to subject().
 *
 * <pre>NOTIFY_TOKEN=… java Notify.java http://127.0.0.1:8085/notify sku price 100012 12049.1</pre>
 */
public class Notify {
    static String subject(String lane, String kind, String dimension, String id) {
        StringBuilder token = new StringBuilder();
        for (byte b : id.getBytes(StandardCharsets.UTF_8)) {
            boolean plain = b >= 'A' && b <= 'Z' || b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || b == '_' || b == '-';
            token.append(plain ? String.valueOf((char) b) : String.format("=%02X", b & 0xff));
        }
        return "change." + lane + "." + kind + "." + dimension + "." + token;
    }

    static void notify(String url, String secret, String changes) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(30))
            .header("Authorization", "Bearer " + secret).POST(HttpRequest.BodyPublishers.ofString(changes)).build();
        HttpResponse<String> answer = HttpClient.newHttpClient().send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 202) {
            throw new Exception(answer.statusCode() + " " + answer.body()); // 503: send it again
        }
    }

    /** A text in JSON. */
    static String quote(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"'; // ids have no control characters
    }

    public static void main(String[] args) throws Exception {
        StringBuilder changes = new StringBuilder("[");
        for (int i = 3; i < args.length; i++) {
            System.out.println(subject("normal", args[1], args[2], args[i]));
            changes.append(i > 3 ? "," : "").append("{\"kind\":").append(quote(args[1]))
                .append(",\"dimension\":").append(quote(args[2])).append(",\"id\":").append(quote(args[i])).append("}");
        }
        notify(args[0], System.getenv("NOTIFY_TOKEN"), changes.append("]").toString());
    }
}
