import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** What is kept of a client: since when it waits (ms, -1: it does not), and what each deal counts for. */
public class Client {
    public long waiting = -1;
    public Deal[] deals = new Deal[0];

    /** A deal as it was counted last: under whom, on which day, as what, and by which version (time, event). */
    public static class Deal {
        public String id;
        public String manager;
        public int day;
        public int measure;
        public long amount;
        public long time;
        public String event;
    }

    public Deal deal(String id) {
        for (Deal deal : deals) {
            if (deal.id.equals(id)) {
                return deal;
            }
        }
        return null;
    }

    public Deal add(String id) {
        Deal deal = new Deal();
        deal.id = id;
        deals = Arrays.copyOf(deals, deals.length + 1);
        deals[deals.length - 1] = deal;
        return deal;
    }

    public byte[] bytes() {
        byte[][] texts = new byte[3 * deals.length][];
        int size = 8;
        for (int i = 0; i < deals.length; i++) {
            texts[3 * i] = deals[i].id.getBytes(StandardCharsets.UTF_8);
            texts[3 * i + 1] = deals[i].manager.getBytes(StandardCharsets.UTF_8);
            texts[3 * i + 2] = deals[i].event.getBytes(StandardCharsets.UTF_8);
            size += 30 + texts[3 * i].length + texts[3 * i + 1].length + texts[3 * i + 2].length;
        }
        ByteBuffer out = ByteBuffer.allocate(size).putLong(waiting);
        for (int i = 0; i < deals.length; i++) {
            out.putShort((short) texts[3 * i].length).put(texts[3 * i]);
            out.putShort((short) texts[3 * i + 1].length).put(texts[3 * i + 1]);
            out.putInt(deals[i].day).putInt(deals[i].measure).putLong(deals[i].amount).putLong(deals[i].time);
            out.putShort((short) texts[3 * i + 2].length).put(texts[3 * i + 2]);
        }
        return out.array();
    }

    public static Client of(byte[] bytes) {
        ByteBuffer in = ByteBuffer.wrap(bytes);
        Client client = new Client();
        client.waiting = in.getLong();
        while (in.hasRemaining()) {
            Deal deal = client.add(text(in));
            deal.manager = text(in);
            deal.day = in.getInt();
            deal.measure = in.getInt();
            deal.amount = in.getLong();
            deal.time = in.getLong();
            deal.event = text(in);
        }
        return client;
    }

    private static String text(ByteBuffer in) {
        byte[] bytes = new byte[in.getShort()];
        in.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
