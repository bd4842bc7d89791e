import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicBoolean;

/** The work that all peers do, as tests/bench/peers/work.py has it: an event changes a client and at most three cells. */
public final class Work {
    public static final int MEASURES = 16;
    private static final int ANSWERED = 0, MISSED = 2, RESPONSES = 4, OPEN = 6, WON = 8, LOST = 10, PAID = 12, CHANGES = 14;
    private static final long ZONE_MS = 3 * 3_600_000L;
    private static final AtomicBoolean BEGUN = new AtomicBoolean();

    /** What is added to one cell: a count at `measure` and an amount after it. */
    public static class Delta {
        public String cell;
        public int measure;
        public long count;
        public long amount;

        public Delta() {}

        Delta(String cell, int measure, long count, long amount) {
            this.cell = cell;
            this.measure = measure;
            this.count = count;
            this.amount = amount;
        }

        public long[] addTo(long[] cell) {
            long[] sum = cell == null ? new long[MEASURES] : cell;
            sum[measure] += count;
            sum[measure + 1] += amount;
            return sum;
        }
    }

    public interface Out {
        void add(Delta delta) throws Exception;
    }

    private Work() {}

    /** Changes the client; says whether it did. */
    public static boolean fold(Event event, Client client, Out out) throws Exception {
        long now = event.millis();
        switch (event.type) {
            case "sales.call.ended.v1":
                boolean waited = client.waiting >= 0;
                client.waiting = -1;
                both(event, now, event.data.outcome.equals("answered") ? ANSWERED : MISSED, 0, out);
                return waited;
            case "sales.chat.message.v1":
                if (event.data.author.equals("client")) {
                    boolean begins = client.waiting < 0;
                    client.waiting = begins ? now : client.waiting;
                    return begins;
                }
                if (client.waiting < 0) {
                    return false;
                }
                both(event, now, RESPONSES, now - client.waiting, out);
                client.waiting = -1;
                return true;
            case "sales.deal.changed.v1":
                deal(event, client, now, out);
                return true;
            default:
                both(event, now, PAID, event.money(), out);
                return false;
        }
    }

    private static void deal(Event event, Client client, long now, Out out) throws Exception {
        Client.Deal deal = client.deal(event.data.deal_id);
        if (deal == null) {
            deal = client.add(event.data.deal_id);
        } else {
            out.add(new Delta(day(deal.manager, deal.day), deal.measure, -1, -deal.amount));
        }
        deal.manager = event.data.manager_id;
        deal.day = (int) ((now + ZONE_MS) / 86_400_000L);
        deal.amount = event.money();
        deal.measure = event.data.status.equals("open") ? OPEN : event.data.status.equals("won") ? WON : LOST;
        out.add(new Delta(day(deal.manager, deal.day), deal.measure, 1, deal.amount));
        out.add(new Delta(minute(deal.manager, now), CHANGES, 1, 0));
    }

    private static void both(Event event, long now, int measure, long amount, Out out) throws Exception {
        out.add(new Delta(day(event.data.manager_id, (now + ZONE_MS) / 86_400_000L), measure, 1, amount));
        out.add(new Delta(minute(event.data.manager_id, now), measure, 1, amount));
    }

    private static String day(String manager, long day) {
        return manager + "/d" + day;
    }

    private static String minute(String manager, long now) {
        return manager + "/m" + now / 60_000L;
    }

    /** Tells the bench, at the first record, how much CPU time starting took. */
    public static void begin() {
        if (!BEGUN.get() && BEGUN.compareAndSet(false, true)) {
            var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
            System.out.println("{\"first\": " + system.getProcessCpuTime() / 1e9 + "}");
            System.out.flush();
        }
    }

    /** Waits until the bench has seen everything committed. */
    public static void end() throws IOException {
        System.in.read();
    }
}
