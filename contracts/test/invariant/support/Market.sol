// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IBurner, Permit, Report} from "../../../src/interfaces/IBurner.sol";
import {Price} from "./Books.sol";
import {Prices} from "./Prices.sol";

/// @notice Who pushes prices, burns IO, and pauses burns.
contract Market is Prices {
    bytes32 private constant PERMIT_TYPEHASH =
        keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");

    struct BurnOrder {
        address account;
        bool isExactOut;
        bool withPermit;
        uint256 ioIn;
        uint256 iosdOut;
        Report report;
    }

    // --- prices ---

    function pushPrice(uint256 seed) external {
        Price memory next = nextPrice(seed);
        push(next, seed);
        did("price");
    }

    function pushPriceByQuorum(uint256 seed) external {
        Price memory next = nextPrice(seed);
        pushByQuorum(next, seed);
        did("price by quorum");
    }

    // --- burns ---

    function burnExactIn(uint256 seed) external {
        burnAs(seed, false, false);
    }

    function burnExactOut(uint256 seed) external {
        burnAs(seed, true, false);
    }

    function burnExactInWithPermit(uint256 seed) external {
        burnAs(seed, false, true);
    }

    function burnExactOutWithPermit(uint256 seed) external {
        burnAs(seed, true, true);
    }

    /// @dev Invariant 17, from both sides: it succeeds exactly when guards and bucket allow it, with exactly these figures.
    function burnAs(uint256 seed, bool isExactOut, bool withPermit) private {
        if (roll(seed, "fresh") % 4 != 0 && lastObservedAt + 30 < vm.getBlockTimestamp()) {
            push(nextPrice(seed), seed);
        }
        Price memory at = Price(lastPrice, lastConfidence, lastObservedAt, lastRound);
        uint256 ema = lastEma;
        BurnOrder memory order;
        bool brings = groupSecret != 0 && (withPermit || roll(seed, "bring") % 2 == 0);
        if (withPermit && !brings) return;
        if (brings) {
            at = nextPrice(roll(seed, "brought"));
            ema = lastRound == 0 ? at.price : emaAfter(at.observedAt);
            order.report = certified(at);
        }
        if (at.price == 0) return;
        order.account = personOf(seed);
        order.isExactOut = isExactOut;
        order.withPermit = withPermit;
        uint256 most = (room() * 5) / 4;
        if (most > io.balanceOf(order.account)) most = io.balanceOf(order.account);
        order.ioIn = amountOf(roll(seed, "amount"), 1, most);
        order.iosdOut = (order.ioIn * at.price) / 1e18;
        if (isExactOut && order.iosdOut != 0) order.ioIn = (order.iosdOut * 1e18 + at.price - 1) / at.price;

        bool allowed = mayBurn(at, ema) && order.iosdOut != 0 && order.ioIn <= room()
            && order.ioIn <= io.balanceOf(order.account);
        bytes memory data = prepared(order, brings, seed);
        if (!allowed) {
            mustFail(order.account, address(burner), data, "invariant 17: a burn outside of guard and bucket");
            did("burn refused");
            return;
        }
        vm.prank(order.account);
        (bool ok, bytes memory result) = address(burner).call(data);
        if (!ok) bubble(result);
        require(
            abi.decode(result, (uint256)) == (isExactOut ? order.ioIn : order.iosdOut),
            "invariant 17: a burn at another price"
        );
        if (brings) notePrice(at.price, at.confidence, at.observedAt, at.round);
        noteBurn(order.ioIn, order.iosdOut);
        did(withPermit ? bytes32("burn with permit") : brings ? bytes32("burn with report") : bytes32("burn"));
    }

    function prepared(BurnOrder memory order, bool brings, uint256 seed) private returns (bytes memory) {
        uint256 deadline = vm.getBlockTimestamp();
        uint256 limit = order.isExactOut ? order.ioIn : order.iosdOut;
        uint256 amount = order.isExactOut ? order.iosdOut : order.ioIn;
        if (!order.withPermit) {
            vm.prank(order.account);
            io.approve(address(burner), order.ioIn);
            if (!brings) {
                return order.isExactOut
                    ? abi.encodeCall(IBurner.burnExactOut, (amount, limit, deadline))
                    : abi.encodeCall(IBurner.burnExactIn, (amount, limit, deadline));
            }
            return order.isExactOut
                ? abi.encodeCall(IBurner.burnExactOutWithReport, (amount, limit, deadline, order.report))
                : abi.encodeCall(IBurner.burnExactInWithReport, (amount, limit, deadline, order.report));
        }
        Permit memory permit = permitOf(order.account, order.ioIn, deadline);
        if (roll(seed, "front-run") % 2 == 0) {
            // Whoever sees it uses it first: the burn must go through all the same.
            bytes memory stolen = abi.encodeCall(
                io.permit,
                (order.account, address(burner), order.ioIn, deadline, permit.v, permit.r, permit.s)
            );
            mustSend(hostiles[seed % HOSTILES], address(io), stolen);
            did("permit front-run");
        }
        return order.isExactOut
            ? abi.encodeCall(IBurner.burnExactOutWithPermit, (amount, limit, deadline, permit, order.report))
            : abi.encodeCall(IBurner.burnExactInWithPermit, (amount, limit, deadline, permit, order.report));
    }

    function permitOf(address owner, uint256 value, uint256 deadline)
        private
        view
        returns (Permit memory permit)
    {
        bytes32 structHash = keccak256(
            abi.encode(PERMIT_TYPEHASH, owner, address(burner), value, io.nonces(owner), deadline)
        );
        bytes32 digest = keccak256(abi.encodePacked(hex"1901", io.DOMAIN_SEPARATOR(), structHash));
        permit.deadline = deadline;
        (permit.v, permit.r, permit.s) = vm.sign(secretOf[owner], digest);
    }

    // --- the pause ---

    /// @dev Invariant 18: all that must go on is asserted wherever it is called, paused or not; whilePaused counts it.
    function pauseBurns(uint256 seed) external {
        if (seed % 4 != 0) return;
        uint256 time = vm.getBlockTimestamp();
        bytes memory data = abi.encodeCall(IBurner.pause, (signedByOneHonest(burner.pauseDigest(), seed)));
        if (pauses != 0 && time < pausedUntil - 72 hours + 14 days) {
            mustFail(anybody(seed), address(burner), data, "invariant 18: a pause too soon");
            did("pause refused");
            return;
        }
        mustSend(anybody(seed), address(burner), data);
        pausedUntil = time + 72 hours;
        ++pauses;
        did("pause");
    }
}
