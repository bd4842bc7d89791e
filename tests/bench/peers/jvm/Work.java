import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicBoolean;

/** The work that all peers do, as tests/bench/peers/work.py has it: an event changes a client and at most three cells. */
public final class Work {
    public static final int MEASURES = 16;
    public static final long MINUTES_KEPT = 180;
    public static final long NO_MINUTE = -1;
    private static final long[] BOUNDS_MS = {
        5_000, 10_000, 15_000, 20_000, 30_000, 45_000, 60_000, 90_000, 120_000, 180_000, 300_000, 600_000, 900_000,
        1_800_000, 3_600_000, 7_200_000, 14_400_000, 28_800_000, 86_400_000,
    };
    public static final int WIDTH = MEASURES + BOUNDS_MS.length + 1;
    private static final int NO_BIN = -1;
    private static final int ANSWERED = 0, MISSED = 2, RESPONSES = 4, OPEN = 6, WON = 8, LOST = 10, PAID = 12, CHANGES = 14;
    private static final long ZONE_MS = 3 * 3_600_000L;
    private static final AtomicBoolean BEGUN = new AtomicBoolean();

    /** What is added to one cell, a day by its name or a manager's minute: a count at `measure`, an amount, a bin. */
    public static class Delta {
        public String cell;
        public long minute;
        public int measure;
        public long count;
        public long amount;
        public int bin;

        public Delta() {}

        Delta(String cell, long minute, int measure, long count, long amount, int bin) {
            this.cell = cell;
            this.minute = minute;
            this.measure = measure;
            this.count = count;
            this.amount = amount;
            this.bin = bin;
        }

        public long[] addTo(long[] cell) {
            long[] sum = cell == null ? new long[WIDTH] : cell;
            sum[measure] += count;
            sum[measure + 1] += amount;
            if (bin != NO_BIN) {
                sum[MEASURES + bin] += count;
            }
            return sum;
        }
    }

    public interface Out {
        void add(Delta delta) throws Exception;
    }

    /** Whether an id was there before; from then on it was. */
    public interface Seen {
        boolean before(String id) throws Exception;
    }

    private Work() {}

    /** Changes the client; says whether it did. */
    public static boolean fold(Event event, Client client, Seen seen, Out out) throws Exception {
        long now = event.millis();
        boolean waited = client.waiting >= 0;
        switch (event.type) {
            case "sales.call.ended.v1":
                if (seen.before(event.data.call_id)) {
                    return false;
                }
                client.waiting = -1;
                if (event.data.outcome.equals("answered")) {
                    long value = millis(event.data.answered_at) - millis(event.data.started_at);
                    both(event, now, ANSWERED, value, bin(value), out);
                } else {
                    both(event, now, MISSED, 0, NO_BIN, out);
                }
                return waited;
            case "sales.chat.message.v1":
                if (seen.before(event.id)) {
                    return false;
                }
                if (event.data.author.equals("client")) {
                    client.waiting = waited ? client.waiting : now;
                    return !waited;
                }
                if (waited) {
                    both(event, now, RESPONSES, now - client.waiting, bin(now - client.waiting), out);
                    client.waiting = -1;
                }
                return waited;
            case "sales.deal.changed.v1":
                return deal(event, client, now, out);
            default:
                if (!seen.before(event.data.payment_id)) {
                    both(event, now, PAID, event.money(), NO_BIN, out);
                }
                return false;
        }
    }

    private static boolean deal(Event event, Client client, long now, Out out) throws Exception {
        Client.Deal deal = client.deal(event.data.deal_id);
        if (deal == null) {
            deal = client.add(event.data.deal_id);
        } else if (now < deal.time || (now == deal.time && event.id.compareTo(deal.event) <= 0)) {
            return false;
        } else {
            out.add(day(deal.manager, deal.day, deal.measure, -1, -deal.amount, NO_BIN));
        }
        deal.manager = event.data.manager_id;
        deal.day = (int) ((now + ZONE_MS) / 86_400_000L);
        deal.amount = event.money();
        deal.measure = event.data.status.equals("open") ? OPEN : event.data.status.equals("won") ? WON : LOST;
        deal.time = now;
        deal.event = event.id;
        out.add(day(deal.manager, deal.day, deal.measure, 1, deal.amount, NO_BIN));
        out.add(new Delta(deal.manager, now / 60_000L, CHANGES, 1, 0, NO_BIN));
        return true;
    }

    private static void both(Event event, long now, int measure, long amount, int bin, Out out) throws Exception {
        String manager = event.data.manager_id;
        out.add(day(manager, (now + ZONE_MS) / 86_400_000L, measure, 1, amount, bin));
        out.add(new Delta(manager, now / 60_000L, measure, 1, amount, bin));
    }

    private static Delta day(String manager, long day, int measure, long count, long amount, int bin) {
        return new Delta(manager + "/d" + day, NO_MINUTE, measure, count, amount, bin);
    }

    private static int bin(long value) {
        int bin = 0;
        while (bin < BOUNDS_MS.length && value > BOUNDS_MS[bin]) {
            bin++;
        }
        return bin;
    }

    private static long millis(String time) {
        return Instant.parse(time).toEpochMilli();
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
