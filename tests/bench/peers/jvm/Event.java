import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.math.BigDecimal;
import java.time.Instant;

/** The fields of an event that the work needs. */
@JsonIgnoreProperties(ignoreUnknown = true)
public class Event {
    private static final ObjectReader READER = new ObjectMapper().readerFor(Event.class);

    public String id;
    public String type;
    public String time;
    public Data data;

    @JsonIgnoreProperties(ignoreUnknown = true)
    public static class Data {
        public String client_id;
        public String manager_id;
        public String author;
        public String outcome;
        public String call_id;
        public String payment_id;
        public String started_at;
        public String answered_at;
        public String deal_id;
        public String status;
        public String amount;
    }

    public static Event of(byte[] json) throws IOException {
        return READER.readValue(json);
    }

    public String client() {
        return data.client_id;
    }

    public long millis() {
        return Instant.parse(time).toEpochMilli();
    }

    /** Hundredths. */
    public long money() {
        return new BigDecimal(data.amount).movePointRight(2).longValueExact();
    }
}
