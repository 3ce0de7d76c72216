// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IOracleRegistry, Signature} from "../src/interfaces/IOracleRegistry.sol";
import {FeedParams, IPriceFeed, Observation, ReadRefusal} from "../src/interfaces/IPriceFeed.sol";
import {OracleDomain} from "../src/libraries/OracleDomain.sol";
import {Network} from "./support/Network.sol";

contract PriceFeedTest is Network {
    uint256 private constant PRICE = 2.5e18;
    uint256 private constant MAX_PRICE = type(uint80).max;

    function setUp() external {
        deployNetwork(4);
        rotate(GROUP_SECRET, 0);
    }

    function refuses(uint256 reportWord, bytes memory reason) private {
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, feed.reportDigest(reportWord));
        Signature[] memory signatures = quorum(feed.reportDigest(reportWord), 0, 3);
        vm.expectRevert(reason);
        feed.update(reportWord, r, s);
        vm.expectRevert(reason);
        feed.updateWithQuorum(reportWord, signatures);
    }

    // --- what is stored ---

    function test_storesTheFirstReportWithItsPriceAsTheAverage() external {
        vm.expectEmit(true, true, true, true, address(feed));
        uint256 stored = word(PRICE, START) | (PRICE << 96);
        emit IPriceFeed.PriceUpdated(uint40(START * 10), uint80(PRICE), stored);
        update(word(PRICE, START));
        vm.assertEq(feed.latestWord(), stored);
    }

    function test_movesTheAverageByTheLastPriceAndTheTimeItHeld() external {
        update(word(2e18, START));
        vm.warp(START + 60);
        update(word(3e18, START + 60));
        // The average was 2 and so was the price that held for the minute.
        (,,,, uint256 ema,) = feed.read();
        vm.assertEq(ema, 2e18);
        vm.warp(START + 120);
        update(word(9e18, START + 120));
        (,,,, ema,) = feed.read();
        vm.assertEq(ema, 2e18 + 1e18 * 60 / EMA_PERIOD_SEC);
    }

    function test_roundsTheStepOfTheAverageTowardsZeroBothWays() external {
        update(word(1000, START));
        vm.warp(START + 1);
        update(word(1001, START + 1));
        update(word(999, 25, START + 1, (START + 1) * 10 + 1));
        vm.warp(START + 2);
        update(word(1000, START + 2));
        (,,,, uint256 ema,) = feed.read();
        vm.assertEq(ema, 1000);
    }

    function test_afterASilenceLongerThanThePeriodTheAverageIsTheLastPrice() external {
        update(word(2e18, START));
        vm.warp(START + 1);
        update(word(3e18, START + 1));
        vm.warp(START + 1 + EMA_PERIOD_SEC * 5);
        update(word(7e18, block.timestamp));
        (,,,, uint256 ema,) = feed.read();
        vm.assertEq(ema, 3e18);
    }

    function testFuzz_keepsTheAverageBetweenItsOldValueAndTheLastPrice(uint256 a, uint256 b, uint256 dt)
        external
    {
        a = bound(a, 1, MAX_PRICE);
        b = bound(b, 1, MAX_PRICE);
        dt = bound(dt, 0, 2 * EMA_PERIOD_SEC);
        update(word(a, START));
        update(word(b, 25, START, START * 10 + 1));
        vm.warp(START + dt);
        update(word(PRICE, 25, START + dt, (START + dt) * 10 + 2));
        (,,,, uint256 ema,) = feed.read();
        vm.assertGe(ema, a < b ? a : b);
        vm.assertLe(ema, a < b ? b : a);
        uint256 held = dt < EMA_PERIOD_SEC ? dt : EMA_PERIOD_SEC;
        uint256 most = 2 * a + 1e15;
        if (b > most) b = most;
        vm.assertEq(ema, b > a ? a + (b - a) * held / EMA_PERIOD_SEC : a - (a - b) * held / EMA_PERIOD_SEC);
    }

    function test_countsARiseInTheAverageAsTwoToOneAtMost() external {
        update(word(2e18, START));
        update(word(9e18, 25, START, START * 10 + 1));
        vm.warp(START + 60);
        update(word(9e18, START + 60));
        (,,,, uint256 ema,) = feed.read();
        uint256 risen = 2e18 + (2e18 + 1e15) * 60 / EMA_PERIOD_SEC;
        vm.assertEq(ema, risen);
        // Whatever it falls to counts as it is.
        update(word(1e18, 25, START + 60, (START + 60) * 10 + 1));
        vm.warp(START + 120);
        update(word(1e18, START + 120));
        (,,,, ema,) = feed.read();
        vm.assertEq(ema, risen - (risen - 1e18) * 60 / EMA_PERIOD_SEC);
    }

    function testFuzz_readsBackWhatWasSigned(uint256 price, uint256 confidence, uint256 age, uint256 lag)
        external
    {
        price = bound(price, 1, MAX_PRICE);
        confidence = bound(confidence, 0, type(uint16).max);
        age = bound(age, 0, MAX_AGE_SEC);
        uint256 round = (START - age) * 10 - bound(lag, 0, 9);
        update(word(price, confidence, START - age, round));
        (uint256 p, uint256 c, uint256 o, uint256 r, uint256 ema, uint256 ageSec) = feed.read();
        vm.assertEq(p, price);
        vm.assertEq(c, confidence);
        vm.assertEq(o, START - age);
        vm.assertEq(r, round);
        vm.assertEq(ema, price);
        vm.assertEq(ageSec, age);
    }

    function test_storesAReportThatAQuorumSigned() external {
        uint256 reportWord = word(PRICE, START);
        feed.updateWithQuorum(reportWord, quorum(feed.reportDigest(reportWord), 1, 3));
        vm.assertEq(feed.latestWord(), reportWord | (PRICE << 96));
    }

    function test_aQuorumNeedsNoGroupKey() external {
        deployNetwork(4);
        uint256 reportWord = word(PRICE, START);
        feed.updateWithQuorum(reportWord, quorum(feed.reportDigest(reportWord), 0, 3));
        vm.assertEq(feed.latestWord() >> 176, PRICE);
    }

    function test_anUpdateReadsOneKeyAndOnePriceAlsoAfterARotation() external {
        rotate(GROUP_SECRET, 0);
        uint256 reportWord = word(PRICE, START + HANDOVER_SEC);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, feed.reportDigest(reportWord));
        vm.warp(START + HANDOVER_SEC);
        vm.record();
        feed.update(reportWord, r, s);
        (bytes32[] memory reads,) = vm.accesses(address(feed));
        bytes32 other = reads[0];
        for (uint256 i = 1; i < reads.length; ++i) {
            if (reads[i] == reads[0]) continue;
            vm.assertTrue(other == reads[0] || other == reads[i]);
            other = reads[i];
        }
        vm.assertTrue(other != reads[0]);
    }

    // --- what is refused, in this order ---

    function test_refusesARoundThatIsNotNewer() external {
        update(word(PRICE, START));
        refuses(
            word(PRICE + 1, START),
            abi.encodeWithSelector(IPriceFeed.RoundNotNewer.selector, START * 10, START * 10)
        );
        refuses(
            word(PRICE, START - 1),
            abi.encodeWithSelector(IPriceFeed.RoundNotNewer.selector, (START - 1) * 10, START * 10)
        );
    }

    function test_refusesAnObservationBeforeTheLast() external {
        update(word(PRICE, START));
        refuses(
            word(PRICE, 25, START - 1, START * 10 + 1),
            abi.encodeWithSelector(IPriceFeed.ObservedBeforeLast.selector, START - 1, START)
        );
        update(word(PRICE, 25, START, START * 10 + 1));
    }

    function test_refusesAnOldReportAndTakesOneOfTheLastSecond() external {
        uint256 reportWord = word(PRICE, START - MAX_AGE_SEC - 1);
        refuses(
            reportWord, abi.encodeWithSelector(IPriceFeed.ReportTooOld.selector, MAX_AGE_SEC + 1, MAX_AGE_SEC)
        );
        update(word(PRICE, START - MAX_AGE_SEC));
    }

    function test_refusesAnObservationFromTheFuture() external {
        uint256 horizon = START + MAX_FUTURE_SEC;
        refuses(
            word(PRICE, 25, horizon + 1, START * 10),
            abi.encodeWithSelector(IPriceFeed.ObservedInFuture.selector, horizon + 1, horizon)
        );
        update(word(PRICE, 25, horizon, START * 10));
        (,,,,, uint256 ageSec) = feed.read();
        vm.assertEq(ageSec, 0);
    }

    function test_refusesARoundFromTheFuture() external {
        uint256 horizon = (START + MAX_FUTURE_SEC) * 10;
        refuses(
            word(PRICE, 25, START, horizon + 1),
            abi.encodeWithSelector(IPriceFeed.RoundInFuture.selector, horizon + 1, horizon)
        );
        update(word(PRICE, 25, START, horizon));
    }

    function testFuzz_refusesBitsWhereTheAverageGoes(uint256 bits) external {
        bits = bound(bits, 1, type(uint80).max);
        refuses(
            word(PRICE, START) | (bits << 96),
            abi.encodeWithSelector(IPriceFeed.ReservedBitsSet.selector, bits)
        );
    }

    function test_refusesAPriceOfZero() external {
        refuses(word(0, START), abi.encodeWithSelector(IPriceFeed.ZeroPrice.selector));
    }

    function test_refusesTheSignatureOfAnotherKeyOrWord() external {
        uint256 px = groupPublicKey(GROUP_SECRET);
        uint256 reportWord = word(PRICE, START);
        (address r, uint256 s) = signSchnorr(GROUP_SECRET + 1, feed.reportDigest(reportWord));
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, px));
        feed.update(reportWord, r, s);
        (r, s) = signSchnorr(GROUP_SECRET, feed.reportDigest(word(PRICE + 1, START)));
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, px));
        feed.update(reportWord, r, s);
    }

    function test_refusesEverySignatureBeforeTheFirstKey() external {
        deployNetwork(4);
        uint256 reportWord = word(PRICE, START);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, 0));
        feed.update(reportWord, address(0), 1);
    }

    function test_refusesFewerThanAQuorum() external {
        uint256 reportWord = word(PRICE, START);
        Signature[] memory two = quorum(feed.reportDigest(reportWord), 0, 2);
        vm.expectRevert(abi.encodeWithSelector(IOracleRegistry.QuorumNotReached.selector, 2, 3));
        feed.updateWithQuorum(reportWord, two);
    }

    function expectedDigest(uint256 reportWord) public view returns (bytes32) {
        bytes32 typeHash = keccak256("Report(bytes32 feedId,uint256 word)");
        return OracleDomain.digest(
            OracleDomain.separator(address(registry)), keccak256(abi.encode(typeHash, FEED_ID, reportWord))
        );
    }

    function test_aReportOfOneChainIsWorthNothingOnAnother() external {
        uint256 reportWord = word(PRICE, START);
        bytes32 here = feed.reportDigest(reportWord);
        vm.assertEq(here, expectedDigest(reportWord));
        (address r, uint256 s) = signSchnorr(GROUP_SECRET, here);
        vm.chainId(1);
        vm.assertTrue(feed.reportDigest(reportWord) != here);
        vm.assertEq(feed.reportDigest(reportWord), this.expectedDigest(reportWord));
        vm.expectRevert(
            abi.encodeWithSelector(IPriceFeed.InvalidCertificate.selector, groupPublicKey(GROUP_SECRET))
        );
        feed.update(reportWord, r, s);
        vm.chainId(31337);
        feed.update(reportWord, r, s);
    }

    function test_onlyTheRegistryWritesTheKey() external {
        vm.expectRevert(
            abi.encodeWithSelector(IPriceFeed.Unauthorized.selector, address(this), address(registry))
        );
        feed.setGroupKey(2, 1, 0);
    }

    function createFeed(FeedParams memory params) external {
        deployFeed(params);
    }

    function test_refusesParametersThatMakeNoSense() external {
        FeedParams memory params = feedParams();
        params.maxAgeSec = 0;
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.ZeroParameter.selector, "maxAgeSec"));
        this.createFeed(params);
        params = feedParams();
        params.emaPeriodSec = 0;
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.ZeroParameter.selector, "emaPeriodSec"));
        this.createFeed(params);
    }

    function test_isNeverDeployedToTakeReportsMoreThanThirtySecondsOff() external {
        FeedParams memory params = feedParams();
        (params.maxAgeSec, params.maxFutureSec) = (30, 30);
        this.createFeed(params);
        params.maxAgeSec = 31;
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.ParameterTooLarge.selector, "maxAgeSec", 31, 30));
        this.createFeed(params);
        (params.maxAgeSec, params.maxFutureSec) = (30, 31);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.ParameterTooLarge.selector, "maxFutureSec", 31, 30));
        this.createFeed(params);
    }

    // --- reads ---

    function test_refusesToReadBeforeTheFirstUpdate() external {
        bytes memory noPrice = abi.encodeWithSelector(IPriceFeed.NoPrice.selector);
        vm.expectRevert(noPrice);
        feed.read();
        vm.expectRevert(noPrice);
        feed.latestRoundData();
        vm.expectRevert(noPrice);
        feed.getQuote(1, address(io), address(840));
        (bool ok, ReadRefusal refusal,) = feed.tryRead(type(uint256).max);
        vm.assertFalse(ok);
        vm.assertTrue(refusal == ReadRefusal.NoPrice);
    }

    function test_tryReadGivesNoPriceThatIsTooOld() external {
        update(word(PRICE, START));
        vm.warp(START + 100);
        (bool ok, ReadRefusal refusal, Observation memory observation) = feed.tryRead(99);
        vm.assertFalse(ok);
        vm.assertTrue(refusal == ReadRefusal.TooOld);
        vm.assertEq(observation.price, 0);
        (ok, refusal, observation) = feed.tryRead(100);
        vm.assertTrue(ok);
        vm.assertTrue(refusal == ReadRefusal.None);
        Observation memory expected = Observation(PRICE, 25, START, START * 10, PRICE, 100);
        vm.assertEq(keccak256(abi.encode(observation)), keccak256(abi.encode(expected)));
    }

    function test_answersConsumersOfAggregatorV3() external {
        update(word(1.234567899e18 + 9, START));
        vm.assertEq(feed.decimals(), 8);
        vm.assertEq(feed.version(), 1);
        vm.assertEq(feed.description(), "IO / USD");
        (uint80 id, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound) =
            feed.latestRoundData();
        vm.assertEq(id, START * 10);
        vm.assertEq(uint256(answer), 123456789);
        vm.assertEq(startedAt, START);
        vm.assertEq(updatedAt, START);
        vm.assertEq(answeredInRound, START * 10);
        (, int256 same,,,) = feed.getRoundData(id);
        vm.assertEq(uint256(same), 123456789);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.RoundNotStored.selector, 7, START * 10));
        feed.getRoundData(7);
    }

    /// @dev Whatever is asked, at whatever time, of whatever is stored.
    function testFuzz_tryReadNeverReverts(uint256 price, uint256 ahead, uint40 later, uint256 maximumAgeSec)
        external
    {
        feed.tryRead(maximumAgeSec);
        ahead = bound(ahead, 0, MAX_FUTURE_SEC);
        price = bound(price, 1, MAX_PRICE);
        update(word(price, type(uint16).max, START + ahead, (START + ahead) * 10));
        uint256 time = START + later;
        vm.warp(time);
        uint256 ageSec = time > START + ahead ? time - START - ahead : 0;
        (bool ok, ReadRefusal refusal, Observation memory observation) = feed.tryRead(maximumAgeSec);
        vm.assertEq(ok, ageSec <= maximumAgeSec);
        vm.assertTrue(refusal == (ok ? ReadRefusal.None : ReadRefusal.TooOld));
        vm.assertEq(observation.price, ok ? price : 0);
        vm.assertEq(observation.ageSec, ok ? ageSec : 0);
    }

    /// @dev Never more than the exact value, and less than one unit below it, whatever the price.
    function testFuzz_roundsEveryAnswerDown(uint256 price, uint256 amount) external {
        price = bound(price, 1, MAX_PRICE);
        amount = bound(amount, 0, type(uint128).max);
        update(word(price, START));
        vm.assertEq(feed.getQuote(amount, address(io), address(840)), amount * price / 1e18);
        vm.assertEq(feed.getQuote(amount, address(840), address(io)), amount * 1e18 / price);
        (, int256 answer,,,) = feed.latestRoundData();
        vm.assertEq(uint256(answer), price / 1e10);
    }

    function test_quotesAmountsBothWaysRoundedDown() external {
        update(word(3e18, START));
        vm.assertEq(feed.getQuote(10, address(io), address(840)), 30);
        vm.assertEq(feed.getQuote(10, address(840), address(io)), 3);
        vm.expectRevert(
            abi.encodeWithSelector(IPriceFeed.UnsupportedPair.selector, address(iosd), address(840))
        );
        feed.getQuote(10, address(iosd), address(840));
        vm.warp(START + MAX_AGE_SEC + 1);
        vm.expectRevert(abi.encodeWithSelector(IPriceFeed.PriceTooOld.selector, MAX_AGE_SEC + 1, MAX_AGE_SEC));
        feed.getQuote(10, address(io), address(840));
    }

    function test_saysWhatItIsMadeFrom() external view {
        (address registry_, bytes32 feedId, FeedParams memory params) = feed.params();
        vm.assertEq(registry_, address(registry));
        vm.assertEq(feedId, FEED_ID);
        vm.assertEq(abi.encode(params), abi.encode(feedParams()));
    }
}
