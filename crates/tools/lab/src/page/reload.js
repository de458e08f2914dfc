// Reloads the page when the book was rebuilt. `cargo lab` adds this; it is not in the files.
(() => {
    const book = document.currentScript.dataset.book;
    let events;
    const listen = () => {
        events = new EventSource('/.lab/events');
        events.addEventListener('book', (event) => {
            if (event.data !== book) {
                location.reload();
            }
        });
    };
    // A browser opens few connections to one host: only the page in front keeps one.
    const follow = () => {
        if (events) {
            events.close();
        }
        events = undefined;
        if (!document.hidden) {
            listen();
        }
    };
    document.addEventListener('visibilitychange', follow);
    window.addEventListener('pagehide', () => events && events.close());
    window.addEventListener('pageshow', (event) => event.persisted && follow());
    follow();
})();
